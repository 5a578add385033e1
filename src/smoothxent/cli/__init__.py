"""The command line, `smoothxent COMMAND`.

A command is a module with a docstring whose first line is its help, `add_arguments` and `run`; one
row in `COMMANDS` makes it known. Commands import their extras inside `run`, so that the others work
without them.

Exit codes: 0 done, 1 the data or the surroundings refused (a file, a closed pipe), 2 wrong
arguments or a missing extra, 130 Ctrl-C.
"""

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import smoothxent
from smoothxent.cli import bench, compare, demo, encoding, evaluate, info, merge, refusals
from smoothxent.cli.parser import Parser, line, unknown

COMMANDS: dict[str, ModuleType] = {
    "evaluate": evaluate,
    "compare": compare,
    "merge": merge,
    "bench": bench,
    "demo": demo,
    "info": info,
}

# What the extras of pyproject.toml bring: "demo" all of it, "cli" what the other commands need.
OPTIONAL = {"matplotlib", "rich", "sklearn", "threadpoolctl"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is `sys.argv[1:]` unless given."""
    arguments, others = _parser().parse_known_args(argv)
    if others:
        arguments.error(unknown(others, arguments.remedy))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=encoding.NAME)
    try:
        with _warnings_in_lines():
            COMMANDS[arguments.command].run(arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL:
            raise
        extra = "demo" if arguments.command == "demo" else "cli"
        remedy = f'pip install "smoothxent[{extra}]"'
        return _complain(f"{arguments.command} needs {package}; {remedy}", 2)
    except BrokenPipeError:  # whoever read stdout has left
        _drop_output()
        return 1
    except OSError as error:
        try:
            print(end="", flush=True)
        except OSError:  # it was stdout that could not be written
            _drop_output()
        return _complain(refusals.of(error), 1)
    except refusals.Refusal as error:
        return _complain(str(error), 1)
    return 0


def _drop_output() -> None:
    """Let the interpreter's own flush at exit find an open file for what can't be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    if sys.stderr is not None:  # as where it was closed; print would take stdout then
        print(line(f"smoothxent: {message}"), file=sys.stderr)
    return code


@contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Print each warning as one line, as an error is, without a line of source."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield
        finally:
            for each in caught:
                _complain(f"warning: {each.message}", 0)


def _parser() -> Parser:
    parser = Parser(prog="smoothxent", description=smoothxent.__doc__)
    parser.add_argument(
        "--version", action="version", version=f"smoothxent {smoothxent.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        of_command = commands.add_parser(name, help=summary, description=summary)
        of_command.set_defaults(error=of_command.error, remedy="")
        command.add_arguments(of_command)
    return parser
