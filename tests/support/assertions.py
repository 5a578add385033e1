"""Assertions that most tests share: results within an allowance or in ulps, texts of errors."""

import shlex

import mpmath
import numpy as np
import pytest

import oracle
import smoothxent
from smoothxent import evaluate_file
from smoothxent.cli import main


def losses_dtype(dtype):
    """Return the dtype of the losses for logits of this dtype."""
    return np.float64 if dtype == np.float64 else np.float32


def assert_losses_right(losses, rows, labels, dtype, **options):
    """Compare losses (N,) with the oracle, within its allowance for each row."""
    expected = oracle.row_losses(rows, labels, **options)
    allowed = oracle.loss_allowance(rows, labels, dtype, **options)
    assert losses.dtype == dtype
    assert losses.shape == expected.shape
    np.testing.assert_array_less(np.abs(losses - expected), np.nextafter(allowed, np.inf))


def assert_gradients_right(grad, rows, labels, dtype, scale=1.0, **options):
    """Compare a gradient (N, C) with the oracle, within its allowance for each element."""
    expected = scale * oracle.gradients(rows, labels, **options)
    allowed = scale * oracle.gradient_allowance(rows, labels, dtype, **options)
    # The scale is a rounded quotient, and the multiplication by it rounds once more.
    allowed = allowed + 2.0**-52 * np.abs(expected) + np.finfo(dtype).smallest_subnormal
    assert grad.dtype == dtype
    assert grad.shape == expected.shape
    np.testing.assert_array_less(np.abs(grad - expected), np.nextafter(allowed, np.inf))


def assert_losses_exact(logits, labels, dtype, **options):
    """Assert that the loss of each row is within the promised ulps of its exact value."""
    assert logits.dtype == dtype
    losses = smoothxent.cross_entropy(logits, labels, reduction="none", **options)
    for n, row in enumerate(logits):
        exact = oracle.exact_loss(row, labels[n], **options)
        error = oracle.ulps(losses[n], exact, dtype)
        promised = oracle.LOSS_ULPS[np.dtype(dtype)]
        assert error <= promised, f"row {n}: {losses[n]!r}, exactly {mpmath.nstr(exact, 20)}"


def assert_gradient_exact(logits, labels, dtype, **options):
    """Assert that each element is within 4 + |log2 p_k| ulp of the largest term that may cancel.

    For classes other than the label the terms are A p_k and c_k. For the label, where p_y - 1 must
    not be computed by subtraction, they are (1 - eps) w_y (1 - p_y), eps W p_y and eps w_y u_y. A
    p_k below the smallest normal number may be 0.
    """
    _, grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)
    for n, row in enumerate(logits):
        exact = oracle.exact_gradient(row, labels[n], **options)
        p = oracle.exact_softmax(row)
        with mpmath.workdps(oracle.digits_for(row)):
            c = [
                oracle.to_mpf(x) for x in oracle.exact_coefficients(labels[n], len(row), **options)
            ]
            smooth = oracle.exact_coefficients(
                labels[n], len(row), **options | {"label_smoothing": 1.0}
            )
            eps = float(options.get("label_smoothing", 0.0))
            share = [eps * oracle.to_mpf(x) for x in smooth]
            for k in range(len(row)):
                scale = max(mpmath.fsum(c) * p[k], c[k])
                if np.ndim(labels[n]) == 0 and k == labels[n]:
                    own = (c[k] - share[k]) * (1 - p[k])
                    scale = max(own, mpmath.fsum(share) * p[k], share[k])
                error = abs(mpmath.mpf(float(grad[n, k])) - exact[k])
                allowed = (4 - mpmath.log(p[k], 2)) * oracle.ulp_of(scale, dtype)
                if p[k] < np.finfo(dtype).smallest_normal:  # p_k may be 0
                    allowed += mpmath.fsum(c) * p[k]
                assert error <= allowed, f"row {n}, class {k}: {grad[n, k]!r}, exactly {exact[k]}"


def error_text(error, call, *arguments, **options):
    """Assert that the call raises exactly this type of error; return the error's text."""
    with pytest.raises(error) as raised:
        call(*arguments, **options)
    assert raised.type is error
    return str(raised.value)


def printed(capsys, *command):
    """Return what a command prints to stdout; it must print nothing else."""
    assert main([*command]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def assert_shows(capsys, command, shown):
    """Assert that a command prints what a page shows, up to a line of three dots."""
    out = printed(capsys, *shlex.split(command))
    head, dots, _ = shown.partition("...\n")
    assert out.startswith(head)
    assert dots or out == head


def error_line(capsys, *arguments, command="evaluate"):
    """Return the only line on stderr of a command that fails; stdout must be empty."""
    assert main([command, *arguments]) == 1
    return line_of(capsys).removeprefix("smoothxent: ")


def misuse(capsys, *command):
    """Return the only line on stderr of a command that is used wrongly; stdout must be empty."""
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    return line_of(capsys)


def line_of(capsys):
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[-1:]) == ("", 1, "\n")
    assert err.startswith("smoothxent")
    return err[:-1]


def error_of(error, folder, logits="logits.npy", labels="labels.npy", **options):
    """Return the text of the error that the files must raise."""
    paths = [
        [folder / name for name in names] if isinstance(names, list) else folder / names
        for names in (logits, labels)
    ]
    return error_text(error, evaluate_file, *paths, **options)


def write_header(path, shape, descr="<f4", fortran_order=False, data=b""):
    with path.open("wb") as file:
        header = {"descr": descr, "fortran_order": fortran_order, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(data)
