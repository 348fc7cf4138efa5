"""The scripts that made the shipped models: `make models DATA=DIR`."""
