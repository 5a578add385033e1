"""The argument parser: errors are one line on stderr and exit code 2."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser; an error refers to `--help` and does not print the whole usage.

    Options can't be abbreviated: an abbreviation becomes ambiguous when a similar option is added.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.allow_abbrev = False

    def error(self, message: str) -> NoReturn:
        """Print the error in one line, and exit."""
        self.exit(2, f"{line(f'{self.prog}: error: {message}; see {self.prog} --help')}\n")


def line(message: str) -> str:
    """Return the message in one line, with control characters escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in message)


def unknown(others: Sequence[str], remedy: str) -> str:
    """Return the error for unknown arguments; `remedy` is added for files, not for options."""
    for each in others:
        if each.startswith("-"):
            return f"unknown option {each}"
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"too many arguments: {others[0]}{more}{remedy}"
