"""Random invalid calls: a valid call, changed by one mistake, and the error that it must raise."""

import math

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from calls import LOSSES, any_calls
from inventory import SOFTMAXES


def has_probabilities(call):
    if call.function == "smooth_labels":
        return "num_classes" not in call.options
    return call.labels is not None and call.labels.ndim == call.logits.ndim


def own_copy(array):
    """Return a writable copy in native byte order."""
    return np.array(array, array.dtype.newbyteorder("="), order="C", subok=False)


def label_out_of_range(draw, call):
    assume(call.labels is not None)
    size = call.options.get("num_classes") or call.logits.shape[call.axis]
    call.labels = own_copy(call.labels)
    limits = np.iinfo(call.labels.dtype)
    outside = [-1, -100, size, size + 1, 2**31, 2**32, int(limits.min), int(limits.max)]
    ignored = call.options.get("ignore_index")
    fits = [v for v in outside if limits.min <= v <= limits.max and not 0 <= v < size]
    fits = [value for value in fits if value != ignored]
    assume(fits and call.labels.size)
    call.labels.flat[draw(st.integers(0, call.labels.size - 1))] = draw(st.sampled_from(fits))


def improper_probability(draw, call):
    assume(call.labels.size and call.labels.dtype.kind != "u")
    call.labels = own_copy(call.labels)
    special = [-1.0] if call.labels.dtype.kind == "i" else [-1e-6, -1.0, math.nan, math.inf]
    value = draw(st.sampled_from(special))
    call.labels.flat[draw(st.integers(0, call.labels.size - 1))] = value


def improper_weight(draw, call):
    names = ["class_weight", "sample_weight", "prior"]
    names = [name for name in names if call.options.get(name) is not None]
    names = [name for name in names if call.options[name].size]
    assume(names)
    name = draw(st.sampled_from(names))
    weights = call.options[name] = np.array(call.options[name], float)
    value = draw(st.sampled_from([-1e-300, -1.0, math.nan, math.inf]))
    weights.flat[draw(st.integers(0, weights.size - 1))] = value


def weights_of_another_shape(draw, call):
    name = draw(st.sampled_from(["class_weight", "sample_weight", "prior"]))
    call.options[name] = np.ones((3, 1, 2, 4, 5))


def option(name, *values):
    """Return the mistake that the option has one of these values."""

    def apply(draw, call):
        call.options[name] = draw(st.sampled_from(values))

    return apply


def labels_as(change):
    """Return the mistake that the labels are changed in this way."""

    def apply(draw, call):
        assume(call.labels is not None)
        call.labels = change(call.labels)

    return apply


def probabilities_for_indices(draw, call):
    call.labels = np.ones(call.logits.shape, np.float32)
    call.options.pop("ignore_index", None)


def ignored_without_labels(draw, call):
    call.labels = None
    call.options["ignore_index"] = draw(st.sampled_from([0, -100, 2**70]))


def logits_as(change):
    def apply(draw, call):
        call.logits = change(call.logits)
        call.options.pop("dtype", None)
        call.options.pop("grad_out", None)
        call.options.pop("out", None)

    return apply


def out_as(change):
    """Return the mistake that `out` or `grad_out` is changed in this way."""

    def apply(draw, call):
        names = [name for name in ("out", "grad_out") if call.options.get(name) is not None]
        assume(names)
        name = draw(st.sampled_from(names))
        call.options[name] = change(call.options[name])

    return apply


def read_only(array):
    array = array.view()
    array.flags.writeable = False
    return array


def out_with_another_reduction(draw, call):
    call.options["out"] = np.zeros(())
    call.options["reduction"] = draw(st.sampled_from(["sum", "mean", "sum_over_batch_size"]))


def out_overlaps(draw, call):
    assume(call.logits.dtype.isnative and call.logits.flags.writeable and call.logits.size > 1)
    assume(0 not in call.logits.strides)
    name = "grad_out" if call.function == "cross_entropy_and_grad" else "out"
    reversed_ = call.logits[(slice(None, None, -1),) * call.logits.ndim]
    call.options[name] = reversed_


WEIGHED = LOSSES | {"evaluate"}
INDEXED = WEIGHED | {"row_statistics"}
ANY = INDEXED | {*SOFTMAXES}
SMOOTHED = WEIGHED | {"smooth_labels"}
EVALUATE, STATISTICS = {"evaluate"}, {"row_statistics"}
PROBABILITIES = LOSSES | {"smooth_labels"}
WHOLE = {"cross_entropy_and_grad", "softmax", "log_softmax"}
INF = math.inf
OUTSIDE, NO_NUMBERS = (-1e-9, 1 + 1e-9, math.nan, INF, 2), ("0.1", None, True, np.ones(2))
# mistake -> (type of the error, functions, kind of the labels or None for both, how to make it)
MISTAKES = {
    "label out of range": (IndexError, INDEXED | {"smooth_labels"}, "indices", label_out_of_range),
    "labels are floats": (TypeError, INDEXED, "indices", labels_as(lambda a: a.astype(float))),
    "labels are bools": (TypeError, INDEXED, None, labels_as(lambda a: a.astype(bool))),
    "labels are objects": (TypeError, INDEXED, None, labels_as(lambda a: a.astype(object))),
    "labels are complex": (TypeError, INDEXED, None, labels_as(lambda a: a.astype(complex))),
    "labels are masked": (TypeError, INDEXED, None, labels_as(np.ma.masked_array)),
    "labels have more axes": (ValueError, INDEXED, None, labels_as(lambda a: a[None, None])),
    "ignored probabilities": (ValueError, LOSSES, "probabilities", option("ignore_index", 0, -100)),
    "improper probability": (ValueError, PROBABILITIES, "probabilities", improper_probability),
    "probabilities for indices": (
        ValueError,
        EVALUATE | STATISTICS,
        None,
        probabilities_for_indices,
    ),
    "ignored without labels": (ValueError, STATISTICS, None, ignored_without_labels),
    "ignored is no integer": (TypeError, WEIGHED, "indices", option("ignore_index", 1.0, True)),
    "ranks out of range": (ValueError, {"evaluate"}, None, option("top_k", [0], (5, -1), [2**63])),
    "too many top classes": (ValueError, STATISTICS, None, option("top_k", 0, -1, 65, 2**70)),
    "top class is no integer": (TypeError, STATISTICS, None, option("top_k", 5.0, "1", True, (1,))),
    "ranks are no integers": (TypeError, {"evaluate"}, None, option("top_k", 5, [1.0], "15", None)),
    "bins out of range": (ValueError, {"evaluate"}, None, option("num_bins", 0, -1, 2**55, 2**70)),
    "bins are no integer": (TypeError, {"evaluate"}, None, option("num_bins", 15.0, "15", True)),
    "improper weight": (ValueError, WEIGHED, None, improper_weight),
    "weights of another shape": (ValueError, WEIGHED, None, weights_of_another_shape),
    "weights are strings": (TypeError, WEIGHED, None, option("class_weight", np.array(["1"]))),
    "smoothing out of range": (ValueError, SMOOTHED, None, option("label_smoothing", *OUTSIDE)),
    "smoothing is no number": (TypeError, SMOOTHED, None, option("label_smoothing", *NO_NUMBERS)),
    "cap out of range": (ValueError, WEIGHED, None, option("softcap", 0, -1.0, math.nan, 1e38)),
    "no such temperature": (ValueError, WEIGHED, None, option("temperature", 0.0, -1, 1e-38, INF)),
    "z_loss out of range": (ValueError, WEIGHED, None, option("z_loss", -1e-9, math.nan, math.inf)),
    "transform is no number": (TypeError, WEIGHED, None, option("temperature", *NO_NUMBERS)),
    "unknown reduction": (ValueError, LOSSES, None, option("reduction", "avg", None, "Mean")),
    "too few threads": (ValueError, ANY, None, option("num_threads", 0, -3)),
    "threads are no integer": (TypeError, ANY, None, option("num_threads", 1.5, "1", True)),
    "no such axis": (ValueError, ANY | {"smooth_labels"}, None, option("axis", 4, -5, 2**70)),
    "axis is no integer": (TypeError, ANY | {"smooth_labels"}, None, option("axis", 0.0, True)),
    "logits are integers": (TypeError, ANY, None, logits_as(lambda a: np.zeros(a.shape, int))),
    "logits are masked": (TypeError, ANY, None, logits_as(np.ma.masked_array)),
    "logits have no axes": (ValueError, ANY, None, logits_as(lambda a: np.float32(1))),
    "out of another dtype": (TypeError, ANY, None, out_as(lambda a: a.astype("c16"))),
    "out of another shape": (ValueError, ANY, None, out_as(lambda a: a[None])),
    "out is read-only": (ValueError, ANY, None, out_as(read_only)),
    "out is a list": (TypeError, ANY, None, out_as(lambda a: a.tolist())),
    "out of a sum": (ValueError, LOSSES, None, out_with_another_reduction),
    "out overlaps the logits": (ValueError, WHOLE, None, out_overlaps),
}


@st.composite
def invalid_calls(draw):
    """Draw a call with one mistake, the type of its error, and the changed arguments."""
    call = draw(any_calls())
    kind = "probabilities" if has_probabilities(call) else "indices"
    names = [
        name
        for name, (_, functions, labels, _) in MISTAKES.items()
        if call.function in functions and labels in (None, kind)
    ]
    error, _, _, apply = MISTAKES[draw(st.sampled_from(names))]
    before = vars(call) | call.options
    apply(draw, call)
    after = vars(call) | call.options
    return call, error, [name for name in after if after[name] is not before.get(name, apply)]
