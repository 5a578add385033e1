"""A check that a call writes only to its outs."""

import numpy as np


def root(array):
    """Return the array whose memory a view is part of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Untouched:
    """A copy of the memory of a call's arrays; with `may_write`, without the outs."""

    def __init__(self, call, may_write):
        options = call.options
        outs = [options[name] for name in ("out", "grad_out") if options.get(name) is not None]
        arrays = [call.logits, call.labels, *outs]
        arrays += [options.get(name) for name in ("prior", "class_weight", "sample_weight")]
        arrays = [root(array) for array in arrays if isinstance(array, np.ndarray)]
        self.before = [(array, array.tobytes()) for array in arrays]
        self.outs = [(out, out.copy()) for out in outs] if may_write else []

    def check(self):
        """Raise AssertionError if the memory has changed."""
        written = [out.copy() for out, _ in self.outs]
        for out, old in self.outs:
            out[...] = old
        for array, old in self.before:
            assert array.tobytes() == old, "memory was written that is no out"
        for (out, _), new in zip(self.outs, written, strict=True):
            out[...] = new
