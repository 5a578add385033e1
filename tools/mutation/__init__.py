"""Mutants: small mistakes made on purpose, each of which some test must notice."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """One mistake: `old`, which occurs once in the file, becomes `new`."""

    path: str
    old: str
    new: str
    why: str  # what goes wrong with it
    dtype: str = "float32"  # of kernel files: the build that is tested with it
    is_equivalent: bool = False  # no result that anybody is promised differs; `why` says why

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
    """Return the mutants of one file; a mistake is its old and new text, and what goes wrong."""
    return [Mutant(path, old, new, why, dtype, is_equivalent) for old, new, why in mistakes]
