"""What XLA calls: loss and gradient of each element of a batch, written into its memory."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import smoothxent
from smoothxent.jax import _xla

TARGET = "smoothxent"
OF_CLASSES = frozenset({"prior", "class_weight"})  # not an entry for each row


class Call(NamedTuple):
    """What a foreign call is told beside its arrays."""

    names: list[str]  # of the arrays after the logits
    row_axes: int  # of the loss, before vmap adds its own
    options: dict[str, Any]

    def text(self) -> str:
        return json.dumps(self)

    @staticmethod
    @cache
    def read(text: str) -> "Call":
        return Call(*json.loads(text))


def compute(arguments: _xla.Arrays, results: _xla.Arrays, text: str) -> None:
    """Fill the loss, and the gradient where it is asked for, of each element of a batch.

    The axes of the batch, those that vmap added, come first in every array.
    """
    call = Call.read(text)
    batch = results[0].shape[: results[0].ndim - call.row_axes]
    elements: Iterable[tuple[int, ...]] = [()]
    if batch and (call.options["reduction"] != "none" or not OF_CLASSES.isdisjoint(call.names)):
        elements = np.ndindex(batch)  # else the rows of a batch are rows like any others
    for index in elements:
        element: Any = (*index, ...)
        inputs = [array[element] for array in arguments]
        outs = [result[element] for result in results]
        _fill(outs, dict(zip(("logits", *call.names), inputs, strict=True)), call.options)


def _fill(outs: _xla.Arrays, inputs: dict[str, Any], options: dict[str, Any]) -> None:
    """Fill the loss, and the gradient where it is asked for; with nan where labels are bad."""
    try:
        _fill_if_good(outs, inputs, options)
    except (IndexError, ValueError):
        labels, axis = inputs["labels"], options["axis"]
        bad = _bad_rows(labels, inputs["logits"], options)
        if not bad.any():
            raise
        if options["reduction"] != "none":
            for out in outs:
                out[...] = np.nan
            return
        where = bad if bad.ndim == labels.ndim else np.expand_dims(bad, axis)
        _fill_if_good(outs, inputs | {"labels": np.where(where, 0, labels)}, options)
        outs[0][bad] = np.nan
        for grad in outs[1:]:
            np.moveaxis(grad, axis, -1)[bad] = np.nan


def _fill_if_good(outs: _xla.Arrays, inputs: dict[str, Any], options: dict[str, Any]) -> None:
    if len(outs) == 1:
        outs[0][...] = smoothxent.cross_entropy(**inputs, **options)
    else:
        loss, grad = outs
        loss[...], _ = smoothxent.cross_entropy_and_grad(**inputs, **options, grad_out=grad)


def _bad_rows(labels: Any, logits: Any, options: dict[str, Any]) -> NDArray[np.bool_]:
    """Which rows have labels that `smoothxent.cross_entropy` refuses."""
    axis = options["axis"]
    if labels.ndim == logits.ndim:
        improper = ~((labels >= 0) & (labels < np.inf))
        bad: NDArray[np.bool_] = improper.any(axis=axis)
    else:
        bad = (labels < 0) | (labels >= logits.shape[axis])
        if options["ignore_index"] is not None:
            bad &= labels != options["ignore_index"]
    return bad


_HANDLER = _xla.registered(TARGET, compute)
