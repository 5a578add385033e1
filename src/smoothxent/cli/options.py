"""Types of the command line's options: each function parses and checks a text."""

import argparse
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from smoothxent.cli.errors import CommandError

# The library's own limits.
MOST_K, MOST_BINS = 2**63 - 1, 2**20
LEAST_SCALE, MOST_SCALE = 1e-37, 1e37
LEAST_BOUND, MOST_BOUND = 1e-30, 1e30


def positive(text: str) -> int:
    """Parse a whole number >= 1."""
    return _at_least(1, text)


def whole(text: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")
    return number


def scale(text: str) -> float:
    """Return the number, which logits of any dtype can be divided by and multiplied with."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not LEAST_SCALE <= number <= MOST_SCALE:
        rule = f"must be a number from {LEAST_SCALE:g} to {MOST_SCALE:g}"
        raise argparse.ArgumentTypeError(f"{rule}, got {text!r}")
    return number


def temperature(text: str) -> float:
    """Return the number, or the one in a file that `smoothxent calibrate --json` saved."""
    if not text.endswith(".json"):
        return scale(text)
    try:
        record = json.loads(Path(text).read_text(encoding="utf-8"))
        if record["format"] == "smoothxent.Temperature":
            return scale(str(record["metrics"]["value"]))
    except (KeyError, OSError, RecursionError, TypeError, ValueError):
        pass
    rule = "must be a number, or a file that `smoothxent calibrate --json` saved"
    raise argparse.ArgumentTypeError(f"{rule}, got {text!r}")


def scale_each(text: str) -> float | tuple[float, float]:
    """Return the number, or two numbers separated by a comma."""
    return _one_or_two(scale, text)


def temperature_each(text: str) -> float | tuple[float, float]:
    """Return one temperature, or two separated by a comma."""
    return _one_or_two(temperature, text)


def _one_or_two(number: Callable[[str], float], text: str) -> float | tuple[float, float]:
    numbers = [number(each) for each in text.split(",")]
    if len(numbers) > 2:
        raise argparse.ArgumentTypeError(f"must be one number or two, got {text!r}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def temperatures(text: str) -> tuple[float, float]:
    """Return two numbers around 1, separated by a comma."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 1.0
    if not LEAST_BOUND <= low < 1 < high <= MOST_BOUND:
        rule = f"must be two numbers LOW < 1 < HIGH from {LEAST_BOUND:g} to {MOST_BOUND:g}"
        raise argparse.ArgumentTypeError(f"{rule}, got {text!r}")
    return low, high


def several(text: str) -> tuple[int, ...]:
    """Parse whole numbers >= 1, separated by commas."""
    return tuple(_at_least(1, each, most=MOST_K) for each in text.split(","))


def bins(text: str) -> int:
    """Parse a number of bins."""
    return _at_least(1, text, most=MOST_BINS)


def _at_least(least: int, text: str, most: float = math.inf) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"must be a whole number >= {least}, got {text!r}")
    if number > most:
        raise argparse.ArgumentTypeError(f"must be at most {most}, got {text!r}")
    return number


def file(text: str) -> str:
    """Parse a path, or a pattern of paths."""
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a file, got ''")
    return text


def csv_file(text: str) -> Path:
    """Parse the path of a .csv file."""
    if not text.lower().endswith(".csv"):
        remedy = "to save nothing, put the option after LOGITS and LABELS"
        raise argparse.ArgumentTypeError(f"must end in .csv, got {text!r}; {remedy}")
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
