"""What all commands share: how they start, and how they end when something is wrong."""

import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

from absl import app, flags, logging

from evae_tf.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_integer(
    "num_threads", 2, "Threads that prepare data or, for .tflite, predict.", lower_bound=1
)

_RESUMES = "stopped; what was finished is kept, the same command goes on or starts again."


def run(main: Callable[[], None], description: str | None, *flag_modules: ModuleType) -> None:
    """Parses the flags, calls `main()` and exits.

    Exit status: 0 all done; 1 a stated error, in one sentence without a traceback; 2 a wrong call.

    Args:
      main: function without arguments; `--help` shows the flags of its module.
      description: what the command does, the first lines of `--help`.
      *flag_modules: further modules whose flags `--help` shows.
    """

    def guarded(arguments: list[str]) -> None:
        if len(arguments) > 1:
            _stop(f"unexpected argument {arguments[1]!r}; see --help.", 2)
        logging.set_verbosity(logging.INFO)
        logging.get_absl_handler().setFormatter(None)
        try:
            main()
        except InputError as error:
            _stop(str(error), 1)
        except KeyboardInterrupt:
            _stop(_RESUMES, 1)
        except OSError as error:  # a full disk may show anywhere, also inside a library
            _stop(f"{error.filename or 'a file'}: {error.strerror or error}.", 1)

    names = [main.__module__, *(module.__name__ for module in flag_modules), __name__]
    app.run(guarded, flags_parser=lambda arguments: _parse(arguments, names, description))


def start_tensorflow() -> None:
    """Imports TensorFlow, where it is installed, without the page of notices it opens with.

    They come from C++ before any logging setting counts, and speak of missing GPUs as of errors.
    What fails is still raised.
    """
    if importlib.util.find_spec("tensorflow") is None:
        return
    standard_error, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(nowhere)


def _parse(arguments: list[str], modules: list[str], description: str | None) -> list[str]:
    # absl shows the flags of the file that was started, which here is a shim without any.
    if {"-h", "-help", "--help"} & set(arguments[1:]):
        print(description)
        for module in modules:
            print(FLAGS.module_help(module))
        sys.exit(0)
    try:
        return FLAGS(arguments)
    except flags.Error as error:
        _stop(f"{error}; see --help.", 2)


def _stop(message: str, status: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
