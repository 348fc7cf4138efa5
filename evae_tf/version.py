"""The version of the package, which models and their descriptions carry."""

VERSION = "0.1.0"
