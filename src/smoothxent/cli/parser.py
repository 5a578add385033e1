"""The argument parser: errors are one line on stderr and exit code 2."""

import argparse
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
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
        end = f"{' ' if message.endswith('?') else '; '}see {self.prog} --help"
        self.exit(2, f"{line(f'{self.prog}: error: {message}{end}')}\n")

    def unknown(self, others: Sequence[str], remedy: str) -> NoReturn:
        """Exit with the error for unknown arguments; `remedy` is added for files, not options."""
        for each in others:
            if each.startswith("-"):
                alike = did_you_mean(each, self._option_string_actions)
                self.error(f"unknown option {each}{alike}")
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        self.error(f"too many arguments: {others[0]}{more}{remedy}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise for a value that is none of the choices; argparse's own text has no remedy."""
        if action.choices is not None and value not in action.choices:
            text = f"must be one of {', '.join(action.choices)}, got {value!r}"
            text += did_you_mean(value, action.choices)
            raise argparse.ArgumentError(action, text)


def line(message: str) -> str:
    """Return the message in one line, with control characters escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in message)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return the remedy for a word that is not one of the words but like one of them, or ""."""
    word, words = word.partition("=")[0], list(words)
    alike = [each for each in words if each.startswith(word)] or get_close_matches(word, words, 1)
    return f"; did you mean {alike[0]}?" if alike else ""
