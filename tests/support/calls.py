"""Random calls, drawn by Hypothesis: any function, numbers, memory layout and options.

Hypothesis draws only a seed for large arrays, not each number. All calls are valid;
invalid_calls.py adds one mistake to a call. call_checks.py checks the results.
"""

import math
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

import smoothxent
from inventory import DTYPES, INTEGERS, REDUCTIONS, SOFTMAXES
from memory import MEMORY, placed

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LOSSES = frozenset({"cross_entropy", "cross_entropy_and_grad"})
PROBABILITIES = [np.dtype(kind) for kind in "fdegbH"] + [BFLOAT16]
MOST_LOGITS = 45_000  # enough for several threads, and for two rows of two segments

# Every tail of the registers; around few and many classes; around a tile; tiles and segments.
CLASS_COUNTS = st.one_of(
    st.integers(1, 70),
    st.integers(120, 130),
    st.integers(1000, 1030),
    st.sampled_from([2049, 16384, 16385]),
    st.integers(1, 20_000),
)
SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.sampled_from([0.0, 0.1, 1.0, 4.0, 30.0, 300.0, 1e4, 1e-40])
OFFSETS = st.sampled_from([0.0] * 5 + [1e3, -1e3, 1.3e5, -1e6, 1e9, 1e30, -1e30])
SMOOTHINGS = st.one_of(st.sampled_from([0.0, 0.1, 1.0, 1e-9]), st.floats(0, 1))
RANKS = st.one_of(st.integers(1, 30), st.sampled_from([1000, 20_000, 2**63 - 1]))
TRANSFORMS = st.fixed_dictionaries(
    {},
    optional={
        "softcap": st.sampled_from([None, 1e-3, 1.0, 30.0, 1e37]),
        "temperature": st.one_of(st.sampled_from([1.0, 1e-37, 1e37]), st.floats(0.01, 100)),
        "z_loss": st.sampled_from([0.0, 1e-4, 1.0, 1e30]),
    },
)
THREADS = st.one_of(st.none(), st.integers(1, 16), st.just(10**6))


@dataclass
class Call:
    """One call of a public function."""

    function: str
    logits: np.ndarray | None
    labels: np.ndarray | None
    options: dict = field(default_factory=dict)

    def make(self, **changes):
        """Make the call; return its results as a tuple."""
        options = self.options | changes
        logits, dtype = self.logits, options.pop("dtype", None)  # of bits
        arrays = [logits if dtype is None else smoothxent.bits(logits, dtype), self.labels]
        arrays = [array for array in arrays if array is not None]
        result = getattr(smoothxent, self.function)(*arrays, **options)
        results = result if isinstance(result, tuple) else (result,)
        return tuple(result for result in results if result is not None)

    @property
    def numbers(self):
        """The logits as numbers, also if the call passes them as bits."""
        return self.as_numbers(self.logits)

    def as_numbers(self, array):
        """Return logits or a gradient as numbers, also if they are bits."""
        if array.dtype.kind != "u":
            return array
        native = array.astype(array.dtype.newbyteorder("="))
        return native.view(BFLOAT16 if self.options["dtype"] == "bfloat16" else np.float16)

    def has_class_axis(self, result):
        """Return whether a result has the axes of the logits; top classes have their own last."""
        return self.function != "row_statistics" and np.ndim(result) == self.logits.ndim

    @property
    def axis(self):
        return self.options.get("axis", -1)

    def in_float32(self):
        """Return the call with logits of half types widened to float32."""
        if self.logits.dtype.itemsize > 2:
            return self
        options = {name: value for name, value in self.options.items() if name != "dtype"}
        return Call(self.function, self.numbers.astype(np.float32), self.labels, options)

    def without_outs(self):
        """Return the call without out and grad_out, with a copy of the logits."""
        options = {k: v for k, v in self.options.items() if k not in ("out", "grad_out")}
        logits = self.logits if self.logits is None else self.logits.copy()
        return Call(self.function, logits, self.labels, options)


def shaped(rows, row_shape, axis):
    """Return rows (N, C), or one number for each row, reshaped to the row axes and class axis."""
    if rows.ndim == 1:
        return rows.reshape(row_shape)
    return np.ascontiguousarray(np.moveaxis(rows.reshape(*row_shape, rows.shape[1]), -1, axis))


@st.composite
def logits_rows(draw, dtype, num_rows, num_classes):
    """Draw logits (N, C): of different sizes, with ties, sorted, confident, with special values."""
    rng = np.random.default_rng(draw(SEEDS))
    rows = draw(SCALES) * rng.normal(0, 1, (num_rows, num_classes)) + draw(OFFSETS)
    match draw(st.sampled_from(["as they are", "in order", "in reverse", "ties", "confident"])):
        case "in order":
            rows.sort(axis=1)
        case "in reverse":
            rows = -np.sort(-rows, axis=1)
        case "ties":
            rows = np.round(rows)
        case "confident":
            rows[np.arange(num_rows), rng.integers(0, num_classes, num_rows)] += draw(
                st.floats(0, 1000)
            )
    with np.errstate(over="ignore"):
        rows = rows.astype(dtype)
    limits = ml_dtypes.finfo(dtype)
    special = [math.nan, math.inf, -math.inf, 0.0]
    special += [limits.max, limits.min, limits.smallest_subnormal]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 5])) if rows.size else 0):
        value, row = draw(st.sampled_from(special)), draw(st.integers(0, num_rows - 1))
        first = draw(st.integers(0, num_classes - 1))
        rows[row, first : first + draw(st.sampled_from([1, 1, 1, 2, 1024, num_classes]))] = value
    return rows


@st.composite
def shapes(draw):
    """Draw the shape of the row axes, their product N, C, and the class axis."""
    num_classes = draw(CLASS_COUNTS)
    most = min(40, MOST_LOGITS // num_classes)
    row_shape = draw(
        st.one_of(
            st.just(()),
            st.tuples(st.integers(0, most)),
            st.integers(1, min(6, most)).flatmap(
                lambda inner: st.tuples(st.integers(0, min(6, most // inner)), st.just(inner))
            ),
        )
    )
    axis = draw(st.integers(-len(row_shape) - 1, len(row_shape)))
    return row_shape, math.prod(row_shape), num_classes, axis


@st.composite
def large_shapes(draw):
    """Draw the same for so many logits that threads divide them, by rows or segments of rows."""
    num_classes = draw(st.sampled_from([17, 70, 128, 129, 1000, 1025, 5000, 16385, 20_000]))
    num_rows = MOST_LOGITS // num_classes
    return (num_rows,), num_rows, num_classes, draw(st.sampled_from([0, 1]))


def random_weights(rng, shape, zeros, scale):
    """Return weights, some of which are 0."""
    return rng.uniform(0, 2, shape) * (rng.uniform(0, 1, shape) >= zeros) * scale


@st.composite
def weight_options(draw, row_shape, num_classes):
    """Draw prior, class_weight and sample_weight, or some of them, or none."""
    options = {}
    used = draw(st.sets(st.sampled_from(["prior", "class_weight", "sample_weight"])))
    rng = np.random.default_rng(draw(SEEDS) if used else 0)
    for name in sorted(used):
        shape = row_shape if name == "sample_weight" else (num_classes,)
        scale = draw(st.sampled_from([1.0, 1.0, 2.0**-40, 2.0**25])) if name != "prior" else 1.0
        values = random_weights(rng, shape, draw(st.sampled_from([0.0, 0.3, 0.9])), scale)
        if name == "prior":
            values[draw(st.integers(0, num_classes - 1))] += 1.0
            values /= values.sum()
        elif scale == 1.0:
            values = values.astype(draw(st.sampled_from(["d", "f", "e", "i", "B"])))
        options[name] = draw(
            placed(values, MEMORY)
        )  # not READ_ONLY: the sum of a prior must not change
    return options


@st.composite
def class_indices(draw, rows):
    """Draw a class for each row, often the top class."""
    num_rows, num_classes = rows.shape
    kind = draw(st.sampled_from([k for k in INTEGERS if np.iinfo(k).max >= num_classes - 1]))
    if draw(st.booleans()):
        return np.nan_to_num(rows).argmax(axis=1).astype(kind)
    return np.random.default_rng(draw(SEEDS)).integers(0, num_classes, num_rows).astype(kind)


@st.composite
def some_ignored(draw, labels, num_classes, options):
    """Draw ignore_index: a class, another label, or a number that the dtype can't represent."""
    if draw(st.booleans()):
        limits = np.iinfo(labels.dtype)
        values = [0, num_classes - 1, -100, -1, int(limits.max), int(limits.min), 2**70]
        options["ignore_index"] = ignored = draw(st.sampled_from(values))
        if limits.min <= ignored <= limits.max:
            rng = np.random.default_rng(draw(SEEDS))
            share = draw(st.sampled_from([0.3, 1.0]))
            labels[rng.uniform(0, 1, len(labels)) < share] = ignored
    return labels


@st.composite
def probabilities(draw, num_rows, num_classes):
    """Draw rows of probabilities: normalised, not normalised, with zeros, one-hot or all zero."""
    rng = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(PROBABILITIES))
    zeros = draw(st.sampled_from([0.0, 0.5, 0.99, 1.0]))
    table = random_weights(rng, (num_rows, num_classes), zeros, 1.0)
    if draw(st.booleans()):
        table /= np.maximum(table.sum(axis=1, keepdims=True), 1e-300)
    return table.astype(kind)


@st.composite
def calls(draw, dtypes=tuple(map(np.dtype, DTYPES)), of_shapes=shapes(), transformed=False):  # noqa: B008
    """Draw one call with logits; with `transformed`, the loss may transform the logits first."""
    row_shape, num_rows, num_classes, axis = draw(of_shapes)
    dtype = draw(st.sampled_from(dtypes))
    rows = draw(logits_rows(dtype, num_rows, num_classes))
    logits = shaped(rows, row_shape, axis)
    options = {"axis": axis, "num_threads": draw(THREADS)}
    if dtype.itemsize == 2 and draw(st.integers(0, 3)) == 0:
        options["dtype"], logits = dtype.name, logits.view(np.uint16)
    name = draw(
        st.sampled_from(
            ["cross_entropy"] * 2
            + ["cross_entropy_and_grad"] * 4
            + ["evaluate"] * 3
            + ["row_statistics", *SOFTMAXES]
        )
    )
    labels = None
    if name in {*LOSSES, "evaluate"}:
        options["label_smoothing"] = draw(SMOOTHINGS)
        options |= draw(weight_options(row_shape, num_classes))
        options |= draw(TRANSFORMS) if transformed else {}
    if name in LOSSES:
        options["reduction"] = draw(st.sampled_from(REDUCTIONS))
    if name == "row_statistics":
        options["top_k"] = draw(st.one_of(st.none(), st.integers(1, min(64, num_classes))))
    if name == "evaluate":
        options["top_k"] = draw(st.lists(RANKS, max_size=4))
        options["num_bins"] = draw(st.sampled_from([1, 2, 15, 15, 100]))
    if name in LOSSES and not draw(st.integers(0, 2)):
        labels = draw(placed(shaped(draw(probabilities(num_rows, num_classes)), row_shape, axis)))
    elif name in {*LOSSES, "evaluate"} or (name == "row_statistics" and draw(st.booleans())):
        labels = draw(class_indices(rows))
        labels = draw(some_ignored(labels, num_classes, options)).reshape(row_shape)
        labels = draw(placed(labels))
    call = Call(name, draw(placed(logits)), labels, options)
    draw(outs(call, dtype, row_shape))
    return call


@st.composite
def outs(draw, call, dtype, row_shape):
    """Draw out and grad_out, if the call accepts them."""
    losses_dtype = dtype if dtype.itemsize > 2 else np.dtype(np.float32)
    takes_out = call.function == "log_sum_exp" or call.options.get("reduction") == "none"
    if takes_out and draw(st.booleans()):
        call.options["out"] = draw(placed(np.full(row_shape, 77, losses_dtype), MEMORY))
    name = {"cross_entropy_and_grad": "grad_out", "softmax": "out", "log_softmax": "out"}.get(
        call.function
    )
    where = draw(st.sampled_from(["new", "given", "in place"])) if name else "new"
    native = call.logits.dtype.isnative and call.logits.flags.writeable
    if where == "in place" and native and 0 not in call.logits.strides:
        call.options[name] = call.logits
    elif where == "given":
        kind = draw(st.sampled_from([call.logits.dtype.newbyteorder("="), losses_dtype]))
        grad = np.full(call.logits.shape, 77, kind)
        call.options[name] = draw(placed(grad, MEMORY))


@st.composite
def smooth_labels_calls(draw):
    """Draw a call of smooth_labels."""
    num_rows, num_classes = draw(st.integers(0, 9)), draw(st.integers(1, 70))
    options = {"label_smoothing": draw(SMOOTHINGS), "axis": draw(st.integers(-2, 1))}
    options |= {
        name: value
        for name, value in draw(weight_options((num_rows,), num_classes)).items()
        if name == "prior"
    }
    if draw(st.booleans()):
        options["num_classes"] = num_classes
        rows = np.zeros((num_rows, num_classes))
        return Call("smooth_labels", None, draw(placed(draw(class_indices(rows)))), options)
    table = shaped(draw(probabilities(num_rows, num_classes)), (num_rows,), options["axis"])
    return Call("smooth_labels", None, draw(placed(table)), options)


def any_calls():
    """Draw one call of any function."""
    return st.integers(0, 15).flatmap(lambda n: calls() if n else smooth_labels_calls())
