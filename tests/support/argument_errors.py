"""A call for every kind of error that the public functions raise about their arguments."""

import numpy as np

import smoothxent
from inventory import DTYPES, SOFTMAXES

N, C = 40, 70
LABELS = np.zeros(N, np.int64)
HIGH = np.where(np.arange(N) == N - 1, C, 0)
WEIGHTS = np.ones(C)
NEGATIVE = np.where(np.arange(C) == C - 1, -1.0, 1.0)
IMPROPER = np.where(np.eye(C)[:N] == 1, -1.0, 0.0)
MASKED = np.ma.masked_array(np.zeros((N, C)), mask=False)
READ_ONLY = np.broadcast_to(np.float32(0), (N, C))

OF_LOGITS = {
    "logits of integers": {"logits": np.zeros((N, C), np.int64)},
    "logits masked": {"logits": MASKED},
    "logits of no axis": {"logits": np.float32(1)},
    "logits of no classes": {"logits": np.zeros((N, 0), np.float32)},
    "logits of bits": {"logits": np.zeros((N, C), np.uint16)},
    "axis": {"axis": 2},
    "axis of another kind": {"axis": 1.5},
    "num_threads": {"num_threads": 0},
    "num_threads of another kind": {"num_threads": "2"},
}
OF_LOSSES = {
    "labels of floats": {"labels": np.zeros(N)},
    "labels masked": {"labels": MASKED[:, 0]},
    "labels of another shape": {"labels": np.zeros(N + 1, np.int64)},
    "label out of range": {"labels": HIGH},
    "label out of range, weighted": {"labels": HIGH, "class_weight": WEIGHTS},
    "label out of range, for arrays to be written": {
        "labels": HIGH,
        "out": np.zeros(N, np.float32),
        "reduction": "none",
        "logits": np.zeros((N, C), np.float32),
    },
    "improper probability": {"labels": IMPROPER},
    "label_smoothing": {"label_smoothing": 2.0},
    "label_smoothing of another kind": {"label_smoothing": "0.1"},
    "temperature": {"temperature": 0.0},
    "label out of range, capped": {"labels": HIGH, "softcap": 2.0},
    "prior": {"prior": WEIGHTS},
    "class_weight": {"class_weight": NEGATIVE},
    "sample_weight": {"sample_weight": WEIGHTS},
    "ignore_index": {"ignore_index": 1.5},
    "ignore_index with probabilities": {"ignore_index": 1, "labels": np.eye(C)[:N]},
    "reduction": {"reduction": "avg"},
    "out": {"out": np.zeros(N, np.int64), "reduction": "none"},
    "out for a reduced loss": {"out": np.zeros(N, np.float32)},
    "grad_out": {"grad_out": np.zeros((C, N))},
    "grad_out that can't be written": {"grad_out": READ_ONLY},
}
OF_FUNCTIONS = {
    "out of another kind": {"out": [0.0]},
    "out of another dtype": {"out": np.zeros((N, C), np.int64)},
    "out of another shape": {"out": np.zeros(N + 1, np.float32), "logits": READ_ONLY},
    "out that can't be written": {"out": READ_ONLY, "logits": np.zeros((N, C), np.float32)},
}
OF_INDICES = {
    name: OF_LOSSES[name]
    for name in ("labels of floats", "labels masked", "label out of range", "ignore_index")
} | {"probabilities": {"labels": np.eye(C)[:N]}}
OF_EVALUATIONS = OF_INDICES | {
    "label out of range, weighted": {
        "labels": HIGH,
        "class_weight": WEIGHTS,
        "sample_weight": WEIGHTS[:N],
        "label_smoothing": 0.1,
    },
    **{name: OF_LOSSES[name] for name in ("temperature", "label out of range, capped")},
    **{name: OF_LOSSES[name] for name in ("prior", "class_weight", "sample_weight")},
    "top_k": {"top_k": (0,)},
    "top_k of another kind": {"top_k": 5},
    "num_bins": {"num_bins": 2**55},
    "num_bins of another kind": {"num_bins": "15"},
}
OF_STATISTICS = OF_INDICES | {
    "ignore_index without labels": {"labels": None, "ignore_index": 1},
    "top_k": {"top_k": 65},
    "top_k of another kind": {"top_k": (1, 5)},
}
OF_TABLES = {
    "labels of floats": {"labels": np.zeros(N)},
    "label out of range": {"labels": HIGH},
    "improper probability": {"labels": IMPROPER},
    "label_smoothing": {"label_smoothing": -1.0},
    "prior": {"prior": WEIGHTS},
}
LOSS = smoothxent.cross_entropy_and_grad
LABELLED = (LOSS, smoothxent.evaluate, smoothxent.row_statistics)
ERRORS = {
    f"{function.__name__}: {name}": (function, changes)
    for functions, table in [
        ([LOSS], OF_LOGITS | OF_LOSSES),
        ([getattr(smoothxent, name) for name in SOFTMAXES], OF_LOGITS | OF_FUNCTIONS),
        ([smoothxent.evaluate], OF_LOGITS | OF_EVALUATIONS),
        ([smoothxent.row_statistics], OF_LOGITS | OF_STATISTICS),
        ([smoothxent.smooth_labels], OF_TABLES),
    ]
    for function in functions
    for name, changes in table.items()
}


def arguments_of(name, dtype):
    """Return the function of this error, and arguments for which it raises the error."""
    function, changes = ERRORS[name]
    logits = {"logits": np.ones((N, C), dtype)}
    usual = logits | ({"labels": LABELS} if function in LABELLED else {})
    if function is smoothxent.smooth_labels:
        usual = {"labels": LABELS, "label_smoothing": 0.1, "num_classes": C}
    return function, usual | changes


def raise_repeatedly(count, function, arguments):
    """Make a call that must fail, this many times, and keep no reference to the errors."""
    for _ in range(count):
        try:
            function(**arguments)
        except (IndexError, TypeError, ValueError):
            continue
        raise AssertionError("nothing was raised")


def raise_all(count=1):
    """Make every call, with logits of every dtype."""
    for dtype in DTYPES:
        for name in ERRORS:
            raise_repeatedly(count, *arguments_of(name, dtype))
