"""Start-up, error handling and exit status of all commands."""

import faulthandler
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import NoReturn

from absl import app, flags, logging

from evae_tf import extras
from evae_tf.data.image_files import hold_limit_in_pillow
from evae_tf.errors import InputError, UsageError
from evae_tf.version import VERSION

FLAGS = flags.FLAGS
_TITLES = {"data_flags": "Data", "process_flags": "Several processes", "run": "General"}
flags.DEFINE_integer("num_threads", 2, "Threads for data and for .tflite inference.", lower_bound=1)
flags.DEFINE_boolean("version", False, "Print the version and exit.")
flags.DEFINE_boolean("verbose", False, "Also print the logs of TensorFlow, LiteRT and others.")


def run(main: Callable[[], None], description: str | None, *flag_modules: ModuleType) -> None:
    """Parses the flags, calls `main()` and exits.

    Exit status: 0 success; 1 an error, reported in one sentence without a traceback; 2 a wrong
    call. SIGTERM and SIGHUP act like Ctrl-C.

    Args:
      main: function without arguments; `--help` shows the flags of its module.
      description: what the command does; the first lines of `--help`.
      *flag_modules: further modules whose flags `--help` shows.
    """

    def guarded(arguments: list[str]) -> None:
        if len(arguments) > 1:
            _stop(f"unexpected argument {arguments[1]!r}; see --help.", 2)
        logging.set_verbosity(logging.INFO)
        logging.get_absl_handler().setFormatter(None)
        if not FLAGS.verbose:
            _hold_back_libraries()
        _interrupt_at_signals()
        hold_limit_in_pillow()
        try:
            main()
            sys.stdout.flush()
        except UsageError as error:
            _stop(str(error), 2)
        except InputError as error:
            _stop(str(error), 1)
        except ModuleNotFoundError as error:
            if (advice := extras.advice(error.name)) is None:
                raise
            _stop(f"{advice}.", 1)
        except KeyboardInterrupt:
            # Repeated with --overwrite, the command would remove what is finished.
            again = " without --overwrite" if "overwrite" in FLAGS and FLAGS.overwrite else ""
            _stop(f"stopped; finished work is kept. Run the same command{again} to resume.", 1)

    _mend_streams()
    names = [main.__module__, *(module.__name__ for module in flag_modules), __name__]
    try:
        app.run(guarded, flags_parser=lambda arguments: _parse(arguments, names, description))
    except BrokenPipeError:  # the reader, such as `head`, closed the pipe
        sys.exit(1)
    except OSError as error:  # a full disk can raise anywhere, also inside a library
        _stop(f"{error.filename or 'standard output or a file'}: {error.strerror or error}.", 1)
    finally:
        _give_up_output()


def _hold_back_libraries() -> None:
    """Discards what libraries print from C++; Python's standard error is unchanged.

    They print a page of notices before any logging setting takes effect, and report a missing GPU
    as an error. If a library aborts, Python still prints the traceback.
    """
    own = os.fdopen(
        os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = own
    logging.get_absl_handler().python_handler.setStream(own)
    faulthandler.enable(own)


def _mend_streams() -> None:
    """Makes standard output and error accept any text; if they are closed, it is discarded.

    Services, pythonw.exe and `2>&-` close them. Characters that the encoding lacks are replaced.
    """
    # Otherwise the next opened file would get the descriptor of a closed stream.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.get_absl_handler().python_handler.setStream(sys.stderr)


def _give_up_output() -> None:
    """Drops unprinted output: Python would try to flush it at exit, and print an error."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt_at_signals() -> None:
    """Makes termination signals act like Ctrl-C, unless they are ignored."""

    def interrupt(_number: int, frame: FrameType | None) -> None:
        at_ctrl_c = signal.getsignal(signal.SIGINT)  # training installs its own handler
        if not callable(at_ctrl_c):  # background jobs ignore Ctrl-C
            raise KeyboardInterrupt
        at_ctrl_c(signal.SIGINT, frame)

    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


def _parse(arguments: list[str], modules: list[str], description: str | None) -> list[str]:
    if {"-version", "--version"} & set(arguments[1:]):  # also without flags that are required
        _tell_version()
    # absl's --help shows the flags of the started file, here a shim without flags.
    if {"-h", "-help", "--help"} & set(arguments[1:]):
        print(description)
        for module in modules:
            title = _TITLES.get(module.rpartition(".")[2], "Options")
            print(FLAGS.module_help(module).replace(f"{module}:", f"{title}:", 1))
        sys.stdout.flush()
        sys.exit(0)
    try:
        positional = FLAGS(arguments)
    except flags.Error as error:
        _stop(f"{error}; see --help.", 2)
    if FLAGS.version:
        _tell_version()
    return positional


def _tell_version() -> NoReturn:
    print(f"evae_tf {VERSION}")
    sys.exit(0)


def _stop(message: str, status: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
