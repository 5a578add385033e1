"""Mutants: small deliberate mistakes; for each, some test must fail."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """One mistake: the text `old`, which occurs once in the file, is replaced by `new`."""

    path: str
    old: str
    new: str
    why: str  # the wrong behaviour
    dtype: str = "float32"  # for kernel files: the dtype of the build that is tested
    is_equivalent: bool = False  # no promised result changes, for the reason in `why`

    def is_stale(self, tree: Path) -> bool:
        """Return whether the file has changed, so that `old` does not occur in it exactly once."""
        path = tree / self.path
        return not path.is_file() or path.read_text().count(self.old) != 1

    @property
    def stale_text(self) -> str:
        return f"stale mutant of {self.path}: {self.old!r} must occur once; give it the new text"


def mutants_of(
    path: str,
    *mistakes: tuple[str, str, str],
    dtype: str = "float32",
    is_equivalent: bool = False,
) -> list[Mutant]:
    """Return the mutants of one file; a mistake is (old text, new text, wrong behaviour)."""
    return [Mutant(path, old, new, why, dtype, is_equivalent) for old, new, why in mistakes]
