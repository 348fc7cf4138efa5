"""Export of trained models to files for servers and phones."""
