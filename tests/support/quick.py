"""How long tests take: the limit of all waiting, and parameters that `make quick` skips."""

import pytest

PATIENCE = 600  # seconds, which only a hang takes: a busy machine is several times slower


def slow_but_first(values):
    """Return the values as parameters; all but the first are marked slow."""
    first, *others = values
    cells = [each if isinstance(each, tuple) else (each,) for each in others]
    return [first, *(pytest.param(*each, marks=pytest.mark.slow) for each in cells)]
