"""Flags whose values are paths: `~` at their start is the home folder.

The shell replaces it at the start of a word only, and leaves `--input=~/me.jpg` alone.
"""

import os

from absl import flags

flags.disclaim_key_flags()  # what is defined here belongs to the module that asks for it


def define_path(name: str, default: str | None, help: str) -> None:
    """As `flags.DEFINE_string`."""
    flags.DEFINE(_PathParser(), name, default, help, serializer=flags.ArgumentSerializer())


def define_paths(name: str, default: list[str], help: str) -> None:
    """As `flags.DEFINE_list`."""
    flags.DEFINE(_PathsParser(), name, default, help, serializer=flags.CsvListSerializer(","))


class _PathParser(flags.ArgumentParser[str]):
    def parse(self, argument: str) -> str:
        return _expanded(argument)


class _PathsParser(flags.ListParser):
    def parse(self, argument: str | list[str]) -> list[str]:
        return [_expanded(path) for path in super().parse(argument) or [""]]


def _expanded(path: str) -> str:
    if not path:  # as of a variable that is not set: it would mean the current folder
        raise ValueError("expected a path, found nothing")
    return os.path.expanduser(path)
