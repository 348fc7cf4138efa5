"""Path flags: a leading `~` is expanded to the home folder.

The shell expands `~` at the start of a word only, not in `--input=~/me.jpg`.
"""

import os

from absl import flags

flags.disclaim_key_flags()  # flags defined here belong to the calling module


def define_path(name: str, default: str | None, help: str, required: bool = False) -> None:
    """Defines a path flag, like `flags.DEFINE_string`."""
    serializer = flags.ArgumentSerializer()
    flags.DEFINE(_PathParser(), name, default, help, serializer=serializer, required=required)


def define_paths(name: str, default: list[str] | None, help: str, required: bool = False) -> None:
    """Defines a flag with a list of paths, like `flags.DEFINE_list`."""
    serializer = flags.CsvListSerializer(",")
    flags.DEFINE(_PathsParser(), name, default, help, serializer=serializer, required=required)


class _PathParser(flags.ArgumentParser[str]):
    def parse(self, argument: str) -> str:
        return _expanded(argument)


class _PathsParser(flags.ListParser):
    def parse(self, argument: str | list[str]) -> list[str]:
        if isinstance(argument, list):  # the default
            return argument
        return [_expanded(path) for path in super().parse(argument) or [""]]


def _expanded(path: str) -> str:
    if not path:  # an unset shell variable, say: it would mean the current folder
        raise ValueError("expected a path, found an empty string")
    return os.path.expanduser(path)
