"""Parameters of tests that `make quick` skips."""

import pytest


def slow_but_first(values):
    """Return the values as parameters; all but the first are marked slow."""
    first, *others = values
    cells = [each if isinstance(each, tuple) else (each,) for each in others]
    return [first, *(pytest.param(*each, marks=pytest.mark.slow) for each in cells)]
