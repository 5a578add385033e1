"""Write bench/results/: JSON with one record on each line, so that a diff is readable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def save(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(document), encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def text(document: Mapping[str, Any]) -> str:
    """Return JSON with each entry of the document's lists and dicts on a line of its own."""
    lines = [f" {json.dumps(name)}: {_entries(value)}" for name, value in document.items()]
    return "{{\n{}\n}}\n".format(",\n".join(lines))


def _entries(value: Any) -> str:
    if value and isinstance(value, dict):
        lines = [f"  {json.dumps(name)}: {_line(entry)}" for name, entry in value.items()]
        return "{{\n{}\n }}".format(",\n".join(lines))
    if value and isinstance(value, list | tuple):
        return "[\n{}\n ]".format(",\n".join(f"  {_line(entry)}" for entry in value))
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
