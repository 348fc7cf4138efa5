"""The version of the package, also stored in the metadata of models."""

VERSION = "0.1.0"
