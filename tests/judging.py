"""The judgements that most tests end in: results within the allowance, errors with their text."""

import numpy as np
import pytest

import oracle


def losses_dtype(dtype):
    """Return what the losses of rows of such logits come in."""
    return np.float64 if dtype == np.float64 else np.float32


def assert_losses_right(losses, rows, labels, dtype, **options):
    """Each loss (N,) lies within what the oracle allows for its row."""
    expected = oracle.row_losses(rows, labels, **options)
    allowed = oracle.loss_allowance(rows, labels, dtype, **options)
    assert losses.dtype == dtype
    assert losses.shape == expected.shape
    np.testing.assert_array_less(np.abs(losses - expected), np.nextafter(allowed, np.inf))


def assert_gradients_right(grad, rows, labels, dtype, scale=1.0, **options):
    """Each element of a gradient (N, C) lies within what the oracle allows for it."""
    expected = scale * oracle.gradients(rows, labels, **options)
    allowed = scale * oracle.gradient_allowance(rows, labels, dtype, **options)
    # The scale itself is a rounded quotient, and multiplying by it rounds once more.
    allowed = allowed + 2.0**-52 * np.abs(expected) + np.finfo(dtype).smallest_subnormal
    assert grad.dtype == dtype
    assert grad.shape == expected.shape
    np.testing.assert_array_less(np.abs(grad - expected), np.nextafter(allowed, np.inf))


def complaint(error, call, *arguments, **options):
    """Return the text of the error that the call must raise, of exactly this type."""
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    assert caught.type is error
    return str(caught.value)
