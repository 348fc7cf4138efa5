"""How the shipped models were made: `make models DATA=DIR`."""
