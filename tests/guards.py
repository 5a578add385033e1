"""Calls on arrays that touch inaccessible pages: a read or write too far kills the process.

Run in a child process. Every result is also compared with that on ordinary memory.
"""

import ctypes
import mmap

import numpy as np

import smoothxent

MAX_CLASSES = 130  # every number of classes modulo 64, twice
NUM_ROWS = 3


class Guarded:
    """Memory between two inaccessible pages."""

    def __init__(self, num_bytes):
        page = mmap.PAGESIZE
        self.size = -(-num_bytes // page) * page
        self.memory = mmap.mmap(-1, self.size + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for guard in (start, start + page + self.size):
            if libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0):
                raise OSError(ctypes.get_errno(), "mprotect failed")

    def place(self, array, end):
        """Return a copy of the array whose first, or last, byte lies next to a guard."""
        array = np.ascontiguousarray(array)
        offset = mmap.PAGESIZE + (self.size - array.nbytes if end == "last" else 0)
        view = np.ndarray(array.shape, array.dtype, buffer=self.memory, offset=offset)
        view[...] = array
        return view


def check(dtype, num_classes, end, regions, rng):
    """Make every kind of call once, all arrays guarded at the given end."""
    shape = (NUM_ROWS, num_classes)
    plain = {
        "logits": rng.normal(0, 4, shape).astype(dtype),
        "labels": rng.integers(0, num_classes, NUM_ROWS).astype(rng.choice(["i1", "i4", "u8"])),
        "q": rng.dirichlet(np.ones(num_classes), NUM_ROWS).astype(dtype),
        "class_weight": rng.uniform(0, 2, num_classes),
        "sample_weight": rng.uniform(0, 2, NUM_ROWS),
        "prior": rng.dirichlet(np.ones(num_classes)),
    }
    guarded = {name: regions[name].place(array, end) for name, array in plain.items()}
    outs = {
        "out": regions["out"].place(np.zeros(NUM_ROWS, dtype), end),
        "grad_out": regions["grad_out"].place(np.zeros(shape, dtype), end),
    }
    for labels in ("labels", "q"):
        for weights in ([], ["class_weight", "sample_weight", "prior"]):
            results = [
                smoothxent.cross_entropy_and_grad(
                    arrays["logits"],
                    arrays[labels],
                    label_smoothing=0.1,
                    reduction="none",
                    **{name: arrays[name] for name in weights},
                    **into,
                )
                for arrays, into in ((plain, {}), (guarded, outs))
            ]
            compare(*results)
        compare(
            *[
                smoothxent.cross_entropy_and_grad(arrays["logits"], arrays[labels])
                for arrays in (plain, guarded)
            ]
        )
    for name, out in (("softmax", "grad_out"), ("log_softmax", "grad_out"), ("log_sum_exp", "out")):
        function = getattr(smoothxent, name)
        compare([function(plain["logits"])], [function(guarded["logits"], out=outs[out])])
    first = regions["logits"].place(plain["logits"].T, end)  # classes on the first axis
    gradient = regions["grad_out"].place(np.zeros(shape[::-1], dtype), end)
    compare(
        smoothxent.cross_entropy_and_grad(plain["logits"].T.copy(), plain["labels"], axis=0),
        smoothxent.cross_entropy_and_grad(first, guarded["labels"], axis=0, grad_out=gradient),
    )
    in_place = regions["logits"].place(plain["logits"], end)
    compare(
        smoothxent.cross_entropy_and_grad(plain["logits"], plain["labels"]),
        smoothxent.cross_entropy_and_grad(in_place, guarded["labels"], grad_out=in_place),
    )


def compare(expected, actual):
    """Raise unless both are the same bits."""
    for one, other in zip(expected, actual, strict=True):
        if np.asarray(one).tobytes() != np.asarray(other).tobytes():
            raise AssertionError(f"{one} is not {other}")


def main():
    """Check every number of classes, dtype and end."""
    names = ["logits", "labels", "q", "class_weight", "sample_weight", "prior", "out", "grad_out"]
    regions = {name: Guarded(NUM_ROWS * MAX_CLASSES * 8) for name in names}
    rng = np.random.default_rng(18)
    for dtype in (np.float32, np.float64):
        for end in ("first", "last"):
            for num_classes in range(1, MAX_CLASSES + 1):
                check(dtype, num_classes, end, regions, rng)
    print("unharmed")


if __name__ == "__main__":
    main()
