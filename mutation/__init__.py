"""Mutants: small mistakes made on purpose, each of which some test must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One mistake: `old`, which occurs once in the file, becomes `new`."""

    path: str
    old: str
    new: str
    why: str  # what goes wrong with it
    dtype: str = "float32"  # of kernel files: the build that is tested with it
    is_equivalent: bool = False  # no result that anybody is promised differs; `why` says why


def mutants_of(path, *mistakes, dtype="float32", is_equivalent=False):
    """Return the mutants of one file; a mistake is its old and new text, and what goes wrong."""
    return [Mutant(path, *mistake, dtype, is_equivalent) for mistake in mistakes]
