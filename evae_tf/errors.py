"""The exceptions that users see as one sentence instead of a traceback."""


class InputError(ValueError):
    """The user's input cannot be used.

    The message is one sentence that names the file or flag, what was found and what was expected.
    The command line prints it and exits with status 1.
    """


class UsageError(InputError):
    """The call itself is wrong, whatever the data.

    The command line exits with status 2.
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message; messages of libraries can be very long."""
    return str(error).strip().partition("\n")[0]


def brief(value: object, length: int = 60) -> str:
    """A value as quoted in messages: its `repr`, truncated to `length` characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."
