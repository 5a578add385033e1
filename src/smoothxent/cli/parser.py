"""The parser of arguments, whose errors are one line on stderr and exit code 2."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser; an error names the command for the help in place of the whole usage.

    No option may be shortened: what is short for one today may be short for two tomorrow.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.allow_abbrev = False

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, and exit."""
        self.exit(2, f"{line(f'{self.prog}: error: {message}; see {self.prog} --help')}\n")


def line(message: str) -> str:
    """Return the message in one line, without anything that a terminal would obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in message)


def unknown(others: Sequence[str], remedy: str) -> str:
    """Return the error for arguments that the command does not have; the remedy is for files."""
    for each in others:
        if each.startswith("-"):
            return f"unknown option {each}"
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"too many arguments: {others[0]}{more}{remedy}"
