"""Recorded: the methods of a result that convert it to a record and back."""

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

from smoothxent._records.codec import decoded, encoded
from smoothxent._records.files import read, text_of, write_whole

# What values of other types than those of `encoded` may raise.
ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Recorded:
    """A result whose record holds the fields of its dataclass, and metrics for other programs."""

    __slots__ = ()

    _FORMAT: ClassVar[str]
    _VERSION: ClassVar[int]  # goes up if any field changes, also within a field
    _METRICS: ClassVar[tuple[str, ...]]  # attributes

    def to_dict(self) -> dict[str, Any]:
        """Return a record: a dict for JSON, from which `from_dict` restores an equal result.

        Returns
        -------
        dict
            "format" and "version" identify the record. "metrics" is for other programs: attributes
            by name, with null for nan and inf. "totals" has all that `from_dict` reads, and
            "checksum" is its SHA-256. The page "JSON records" of the documentation describes them.

        Examples
        --------
        >>> import json
        >>> from smoothxent import Evaluation
        >>> text = json.dumps(Evaluation.empty().to_dict(), allow_nan=False)
        >>> Evaluation.from_dict(json.loads(text)) == Evaluation.empty()
        True
        """
        totals = encoded(self)
        return {
            "format": self._FORMAT,
            "version": self._VERSION,
            "metrics": _for_json(self),
            "totals": totals,
            "checksum": checksum(totals),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the result that `to_dict` has converted to this record.

        Parameters
        ----------
        record : dict
            The result of `to_dict`, on this or another machine. Keys may have another order, and
            "metrics" may be missing.

        Returns
        -------
        Evaluation, Comparison or Temperature
            Equal to the original result.

        Raises
        ------
        ValueError
            The record has another format or version, or its contents are not those that were saved.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> Evaluation.from_dict(Evaluation.empty().to_dict()).count
        0
        """
        given: Any = record
        if not isinstance(given, Mapping):
            given = {"format": given}
        again = "; compute it again with this version of smoothxent"
        for key, rule, remedy in (("format", cls._FORMAT, ""), ("version", cls._VERSION, again)):
            if given.get(key) != rule:
                found = reprlib.repr(given.get(key))
                raise ValueError(f"record must have the {key} {rule!r}, got {found}{remedy}")
        try:
            if given["checksum"] != checksum(given["totals"]):
                raise ValueError("checksum must be that of totals")
            result: Self = decoded(cls, given["totals"])
        except ERRORS as error:
            rule = "must be as it was saved, got other contents"
            raise ValueError(f"record {rule}; restore it or compute it again") from error
        return result

    def save(self, path: str | PathLike[str]) -> None:
        """Save the record as a JSON file; an older file stays until the new one is complete.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        None
            The file is written.

        Raises
        ------
        OSError
            The file can't be written; it is as it was.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from smoothxent import Evaluation
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "monday.json")
        ...     Evaluation.empty().save(path)
        ...     Evaluation.load(path).count
        0
        """
        text = text_of(self.to_dict())
        write_whole(Path(path), lambda draft: draft.write_text(text, encoding="utf-8"))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return the result that `save`, or a command with `--json`, has saved in this file.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        Evaluation, Comparison or Temperature
            Equal to the original result.

        Raises
        ------
        OSError
            The file can't be read.
        ValueError
            As in `from_dict`, or the file is not JSON; the error names the file.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> Evaluation.load("monday.json")  # doctest: +SKIP
        """
        try:
            return cls.from_dict(read(Path(path)))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def checksum(totals: Any) -> str:
    """Return the SHA-256 of JSON, which does not depend on the order of keys and on spaces."""
    text = json.dumps(totals, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _for_json(value: Any) -> Any:
    """Return a metric for other programs; in place of a result its metrics by name."""
    if hasattr(value, "_METRICS"):
        return {name: _for_json(getattr(value, name)) for name in value._METRICS}
    if isinstance(value, Mapping):
        return {str(key).removesuffix(".0"): _for_json(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
