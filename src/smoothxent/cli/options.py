"""Types of the command line's options: each function parses a text. The library checks ranges."""

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from smoothxent import Temperature
from smoothxent.cli.errors import CommandError

Parsed = TypeVar("Parsed")


def whole(text: str) -> int:
    """Parse a whole number."""
    return _parsed(int, text, "a whole number")


def positive(text: str) -> int:
    """Parse a whole number >= 1."""
    with suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")


def number(text: str) -> float:
    """Parse a number."""
    return _parsed(float, text, "a number")


def _parsed(parse: Callable[[str], Parsed], text: str, rule: str) -> Parsed:
    try:
        return parse(text)
    except (OSError, ValueError):
        raise argparse.ArgumentTypeError(f"must be {rule}, got {text!r}") from None


def percent(text: str) -> float:
    """Parse a number of percent, and return the share. 0.95 is no doubt a share."""
    percent = number(text)
    if not 1 < percent < 100:
        raise argparse.ArgumentTypeError(f"must lie between 1 and 100, such as 95, got {text!r}")
    return percent / 100


def temperature(text: str) -> float:
    """Return the number, or the one in a file that `smoothxent calibrate --json` saved."""
    rule = "a number, or a file that `smoothxent calibrate --json` saved"
    if text.endswith(".json"):
        return _parsed(Temperature.load, text, rule).value
    return _parsed(float, text, rule)


def several(parse: Callable[[str], Parsed]) -> Callable[[str], tuple[Parsed, ...]]:
    """Return the parser of such texts, separated by commas."""
    return lambda text: tuple(map(parse, text.split(",")))


def one_or_more(parse: Callable[[str], float]) -> Callable[[str], float | tuple[float, ...]]:
    """Return the parser of one number, or of several separated by commas."""
    return lambda text: several(parse)(text) if "," in text else parse(text)


def file(text: str) -> str:
    """Parse a path, or a pattern of paths."""
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a file, got ''")
    return text


def csv_file(text: str, remedy: str = "") -> Path:
    """Parse the path of a .csv file."""
    if not text.lower().endswith(".csv"):
        raise argparse.ArgumentTypeError(f"must end in .csv, got {text!r}{remedy}")
    return Path(text)


def saved_file(text: str) -> str:
    """Parse a path, which is not that of stdout."""
    if text in ("", "-"):
        raise argparse.ArgumentTypeError(f"must be the name of a file, got {text!r}")
    return text


def name(text: str) -> str:
    """Parse a name of one line; characters that can't be printed are escaped."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"must not be empty, got {text!r}")
    return text if text.isprintable() else ascii(text)[1:-1]


def picture_file(text: str) -> Path:
    """Parse the path of a picture; its suffix names the format."""
    if not text.lower().endswith((".png", ".pdf", ".svg")):
        raise argparse.ArgumentTypeError(f"must end in .png, .pdf or .svg, got {text!r}")
    return Path(text)


def check_writable(file: Path, option: str) -> None:
    """Raise if the file can't be written; for use before the work, not after it."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; create it or choose another {option}")
    if file.is_dir():
        raise CommandError(f"{file}: is a folder; name a file in it for {option}")
    with suppress(FileNotFoundError):
        file.stat()  # raises for links that form a loop
    target = file if file.exists() and not file.is_file() else folder  # a pipe or a device
    if not os.access(target, os.W_OK):
        raise CommandError(f"{target}: can't be written; choose another {option}")
