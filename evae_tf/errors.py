"""The exceptions that reach people as a sentence instead of a traceback."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the file or flag, says what was found
    and what was expected. The command line prints it and exits with status 1.
    """


class UsageError(InputError):
    """The call itself is wrong: no data could make it right.

    The command line exits with status 2.
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message: libraries' messages may fill pages."""
    return str(error).strip().partition("\n")[0]


def brief(value: object, length: int = 60) -> str:
    """What was found, as messages quote it: its `repr`, cut off after `length` characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."
