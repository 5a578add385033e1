"""What the values of options must be."""

import argparse
import errno
from pathlib import Path


def positive(text: str) -> int:
    """Return the whole number >= 1 that the text is."""
    return _at_least(1, text)


def not_negative(text: str) -> int:
    """Return the whole number >= 0 that the text is."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"must be a whole number >= {least}, got {text!r}")
    return number


def require_folder(file: Path, option: str) -> None:
    """Raise before the work is done, not after, where the folder of its result is missing."""
    folder = file.absolute().parent
    if not folder.is_dir():
        remedy = f"no such folder; create it or choose another {option}"
        raise FileNotFoundError(errno.ENOENT, remedy, str(folder))
