"""What the values of options must be."""

import argparse
import math
import os
from pathlib import Path

from smoothxent.cli.refusals import Refusal

MOST_K, MOST_BINS = 2**63 - 1, 2**20  # the library's own limits


def positive(text: str) -> int:
    """Return the whole number >= 1 that the text is."""
    return _at_least(1, text)


def not_negative(text: str) -> int:
    """Return the whole number >= 0 that the text is."""
    return _at_least(0, text)


def whole(text: str) -> int:
    """Return the whole number that the text is."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def share(text: str) -> float:
    """Return the number from 0 to 1 that the text is."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")
    return number


def above_zero(text: str) -> float:
    """Return the number above 0 that the text is."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number


def above_zero_each(text: str) -> float | tuple[float, float]:
    """Return the number above 0, or the two between which a comma stands."""
    numbers = [above_zero(each) for each in text.split(",")]
    if len(numbers) > 2:
        raise argparse.ArgumentTypeError(f"must be one number or two, got {text!r}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def several(text: str) -> tuple[int, ...]:
    """Return the whole numbers >= 1 that stand between commas."""
    return tuple(_at_least(1, each, most=MOST_K) for each in text.split(","))


def bins(text: str) -> int:
    """Return the number of bins that the text is."""
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
    """Return the path, or pattern of paths, that the text is."""
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a file, got ''")
    return text


def picture_file(text: str) -> Path:
    """Return the path, whose ending must be that of a picture."""
    if not text.lower().endswith((".png", ".pdf", ".svg")):
        raise argparse.ArgumentTypeError(f"must end in .png, .pdf or .svg, got {text!r}")
    return Path(text)


def require_place_for(file: Path, option: str) -> None:
    """Raise before the work is done, not after, where its result can't be written to the file."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise Refusal(f"{folder}: no such folder; create it or choose another {option}")
    if file.is_dir():
        raise Refusal(f"{file}: is a folder; name a file in it for {option}")
    place = file if file.exists() and not file.is_file() else folder  # a pipe or a device
    if not os.access(place, os.W_OK):
        raise Refusal(f"{place}: can't be written; choose another {option}")
