"""The command line, `smoothxent COMMAND`.

A command is a module with `add_arguments`, `run` and a docstring, whose first line is the help
text; one row in `COMMANDS` registers it. Commands import their extras inside `run`, so that the
other commands work without them.

Exit codes: 0 success, 1 an error in the data or the system (a file, a closed pipe), 2 wrong
arguments or a missing extra, 130 Ctrl-C.
"""

import argparse
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import ModuleType

import smoothxent
from smoothxent.cli import calibrate, compare, encoding, errors, evaluate, info, merge
from smoothxent.cli.parser import Parser, line

COMMANDS: dict[str, ModuleType] = {
    "evaluate": evaluate,
    "compare": compare,
    "calibrate": calibrate,
    "merge": merge,
    "info": info,
}

# Packages of the extra "cli" without which a command fails; without rich there is no progress bar.
OPTIONAL = {"matplotlib"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is `sys.argv[1:]` unless given."""
    parser = _parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        return 2
    arguments, others = parser.parse_known_args(argv)
    if others:
        arguments.unknown(others, arguments.remedy)
    with _whole_output():
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    try:
        with _warnings_in_lines():
            COMMANDS[arguments.command].run(arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:
        return _report("interrupted", 130)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL:
            raise
        remedy = 'pip install "smoothxent[cli]"'
        return _report(f"{arguments.command} needs {package}; {remedy}", 2)
    except BrokenPipeError:  # the reader of stdout has closed it
        _drop_output()
        return 1
    except OSError as error:
        try:
            print(end="", flush=True)
        except OSError:  # stdout could not be written
            _drop_output()
        return _report(errors.message_of(error), 1)
    except errors.CommandError as error:
        return _report(str(error), 1)
    return 0


@contextmanager
def _whole_output() -> Iterator[None]:
    """Let stdout take characters of any encoding, and all of an output.

    PYTHONUNBUFFERED makes stdout raw: `print` then drops what a full pipe or disk does not take.
    """
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors=encoding.NAME)
    if not isinstance(getattr(stdout, "buffer", None), io.RawIOBase):
        yield
        return
    buffered = io.TextIOWrapper(
        io.BufferedWriter(stdout.buffer), stdout.encoding, stdout.errors, line_buffering=True
    )
    try:
        with redirect_stdout(buffered):
            yield
    finally:
        buffered.detach().detach()  # so that stdout stays open


def _drop_output() -> None:
    """Send the output that can't be written to os.devnull, so that the flush at exit succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(message: str, code: int) -> int:
    if sys.stderr is not None:  # None where it was closed; print would use stdout
        print(line(f"smoothxent: {message}"), file=sys.stderr)
    return code


@contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Print each warning as one line, like an error, without a line of source."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield
        finally:
            for each in caught:
                _report(f"warning: {each.message}", 0)


def _parser() -> Parser:
    parser = Parser(prog="smoothxent", description=smoothxent.__doc__)
    parser.add_argument(
        "--version", action="version", version=f"smoothxent {smoothxent.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(error=subparser.error, unknown=subparser.unknown, remedy="")
        command.add_arguments(subparser)
    return parser
