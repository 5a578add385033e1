"""The function that XLA calls: it writes loss and gradient of each element into XLA's memory."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import smoothxent
from smoothxent.jax import _xla

TARGET = "smoothxent"
PER_CLASS = frozenset({"prior", "class_weight"})  # the other arrays have an entry for each row


class Call(NamedTuple):
    """The parameters of a foreign call, in addition to its arrays."""

    names: list[str]  # of the arrays after the logits
    row_axes: int  # axes of the loss, without those that vmap adds
    options: dict[str, Any]

    def text(self) -> str:
        return json.dumps(self)

    @staticmethod
    @cache
    def read(text: str) -> "Call":
        return Call(*json.loads(text))


def compute(arguments: _xla.Arrays, results: _xla.Arrays, text: str) -> None:
    """Compute the loss, and the gradient if there is an array for it, of each element of a batch.

    The axes of the batch, which vmap has added, come first in every array.
    """
    call = Call.read(text)
    batch = results[0].shape[: results[0].ndim - call.row_axes]
    elements: Iterable[tuple[int, ...]] = [()]
    if batch and (call.options["reduction"] != "none" or not PER_CLASS.isdisjoint(call.names)):
        elements = np.ndindex(batch)  # otherwise one call computes the rows of all elements
    for index in elements:
        element: Any = (*index, ...)
        inputs = [array[element] for array in arguments]
        outs = [result[element] for result in results]
        _fill(outs, dict(zip(("logits", *call.names), inputs, strict=True)), call.options)


def _fill(outs: _xla.Arrays, inputs: dict[str, Any], options: dict[str, Any]) -> None:
    """Compute the loss and the gradient; both are nan where labels are bad."""
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
        mask = bad if bad.ndim == labels.ndim else np.expand_dims(bad, axis)
        _fill_if_good(outs, inputs | {"labels": np.where(mask, 0, labels)}, options)
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
    """Return True for rows with labels for which `smoothxent.cross_entropy` raises."""
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
