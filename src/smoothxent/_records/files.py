"""Files of records, and files that are written completely or not at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def text_of(record: dict[str, Any]) -> str:
    """Return the text of a record."""
    return json.dumps(record, allow_nan=False, indent=1) + "\n"


def read(path: Path) -> Any:
    """Return the JSON of a file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as error:
        raise ValueError("record must be as it was saved, got text that is not JSON") from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file; if that fails, leave it as it was. The path of the draft has its suffix."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device
            write(path)
            return
        target = path.resolve()
        draft = target.with_name(f".{os.getpid()}.{target.name}")
        try:
            write(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:  # which may name the draft, or no file
        raise OSError(error.errno, error.strerror, str(path)) from error
