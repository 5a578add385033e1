"""Random problems, drawn by Hypothesis: logits, labels and options of one call."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

# Below, at and above the vector widths, and odd tails; small enough to be drawn element by element.
CLASS_COUNTS = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65])
DTYPES = st.sampled_from([np.float32, np.float64])
SMOOTHINGS = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.floats(0, 1))


@dataclass(frozen=True)
class Problem:
    """One batch with its labels."""

    logits: np.ndarray
    labels: np.ndarray

    @property
    def dtype(self):
        return self.logits.dtype.type

    @property
    def num_classes(self):
        return self.logits.shape[1]


@st.composite
def problems(draw, dtypes=DTYPES, max_rows=5):
    """Draw logits (N, C), between -60 and 60, and class indices (N,)."""
    dtype = draw(dtypes)
    num_rows = draw(st.integers(1, max_rows))
    num_classes = draw(CLASS_COUNTS)
    width = 32 if dtype == np.float32 else 64
    elements = st.floats(-60, 60, width=width, allow_subnormal=False)
    logits = draw(npst.arrays(dtype, (num_rows, num_classes), elements=elements))
    labels = draw(npst.arrays(np.int64, num_rows, elements=st.integers(0, num_classes - 1)))
    return Problem(logits, labels)
