"""The label-smoothed loss for JAX on the CPU: under jit, grad and vmap, without copies."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

import smoothxent
from smoothxent.jax._foreign import TARGET, Call


def cross_entropy(
    logits: Any,
    labels: Any,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: Any = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    axis: int = -1,
) -> jax.Array:
    r"""Return the label-smoothed softmax cross-entropy of JAX arrays, in nats.

    This is the loss of `smoothxent.cross_entropy`, computed by the same kernel directly from the
    memory of the arrays. It works under `jax.jit`, `jax.vmap` and differentiation of any order and
    mode with respect to the logits.

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        Unnormalised log-probabilities with the C classes on `axis`. An array (C,) is one row.
    labels : array_like
        Class indices in [0, C), with the shape of `logits` without the class axis; or label
        probabilities, with the shape of `logits`.
    softcap, temperature, z_loss
        As in `smoothxent.cross_entropy`.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is moved from the label to `prior`.
    prior, class_weight, sample_weight : array_like, optional
        As in `smoothxent.cross_entropy`. These arrays and the labels may be traced, but not
        differentiated.
    ignore_index : int, optional
        Rows with this label have loss 0 for any logits, nan included.
    reduction : {"mean", "none", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"}
        As in `smoothxent.cross_entropy`.
    axis : int, default -1
        The class axis of `logits`, and of `labels` if they are probabilities.

    Returns
    -------
    jax.Array
        The loss in nats: float64 for float64 logits and else float32. For ``reduction="none"`` it
        has the shape of `logits` without the class axis, otherwise the shape ().

    Raises
    ------
    TypeError, ValueError
        While the function is traced: the errors of `smoothxent.cross_entropy` about shapes, dtypes
        and options; also if labels or weights are to be differentiated.
    jax.errors.JaxRuntimeError
        When the program waits for the result: the errors of `smoothxent.cross_entropy` about the
        numbers in `prior`, `class_weight` and `sample_weight`.

    Notes
    -----
    Bad labels are indices outside [0, C) and probabilities that are negative or not finite. They
    can't raise inside a compiled function. The loss and the gradient of a row with a bad label are
    nan; with any reduction other than "none", the whole loss and the whole gradient are nan.

    Accuracy and threads are those of `smoothxent.cross_entropy_and_grad`. A reduced loss is that of
    `smoothxent.cross_entropy`, rounded to the dtype of the result. The gradient is computed
    together with the loss, and multiplied by the incoming gradient in the backward pass. JAX
    computes second and higher derivatives, from the same formula in its own operations. Under
    `jax.vmap` each element is a separate call, which takes about 10 µs. Exceptions are
    ``reduction="none"`` without `prior` and `class_weight`, and single rows: these are one call.

    JAX may raise a ValueError for a derivative of a gradient through `jax.lax.scan` or
    `jax.lax.map`; ``jax.jacrev(jax.jacfwd(f))`` works there. The function exists only on the CPU:
    for another device XLA reports an unknown target.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from smoothxent.jax import cross_entropy
    >>> logits = jnp.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> labels = jnp.array([2, 1, 1])
    >>> def objective(logits):
    ...     return cross_entropy(logits, labels, label_smoothing=0.001)
    >>> loss, grad = jax.jit(jax.value_and_grad(objective))(logits)
    >>> f"{loss:.6f}"
    '0.116474'
    >>> [f"{g:.4f}" for g in grad[1]]
    ['0.0043', '-0.0926', '0.0884']
    """
    given = {
        "labels": labels,
        "prior": prior,
        "class_weight": class_weight,
        "sample_weight": sample_weight,
    }
    options = {
        "softcap": softcap,
        "temperature": temperature,
        "z_loss": z_loss,
        "label_smoothing": label_smoothing,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "axis": axis,
    }
    for name, option in options.items():
        if isinstance(option, jax.Array):
            raise TypeError(
                f"{name} must be known while functions are traced, got a JAX array; "
                "use a Python number, under jax.jit with static_argnames"
            )
    constants = {name: jnp.asarray(value) for name, value in given.items() if value is not None}
    return _jitted(jnp.asarray(logits), constants, tuple(options.items()))


class _Result(NamedTuple):
    """Shape and dtype of the loss of a foreign call, and the text of its `Call`."""

    text: str
    shape: tuple[int, ...]
    dtype: Any


def _traced(logits: Any, constants: dict[str, Any], given: tuple[tuple[str, Any], ...]) -> Any:
    options = dict(given)
    loss = np.asarray(_loss_of_zeros(logits, constants, options))
    for name in ("softcap", "temperature", "z_loss", "label_smoothing"):
        if options[name] is not None:
            options[name] = float(options[name])
    if options["ignore_index"] is not None:
        ignored, limits = int(options["ignore_index"]), jnp.iinfo(constants["labels"].dtype)
        options["ignore_index"] = ignored if limits.min <= ignored <= limits.max else None
    if options["axis"] >= 0:  # counted from the end, because vmap adds axes in front
        options["axis"] = int(options["axis"]) - logits.ndim
    if logits.ndim == 1 and constants.keys() == {"labels"} and options["ignore_index"] is None:
        options["reduction"] = "none"  # the same number, and vmap then needs a single call
    dtype = jnp.float64 if logits.dtype == jnp.float64 else jnp.float32
    text = Call(sorted(constants), loss.ndim, options).text()
    return _computed(_Result(text, loss.shape, dtype), False, logits, constants)[0]


_jitted = jax.jit(_traced, static_argnums=2)


def _loss_of_zeros(logits: Any, constants: dict[str, Any], options: dict[str, Any]) -> Any:
    """Return the loss of zeros; raise the errors about shapes, dtypes and options."""
    zeros = {
        name: np.broadcast_to(np.zeros((), array.dtype), array.shape)
        for name, array in (constants | {"logits": logits}).items()
    }
    if "prior" in zeros:
        zeros["prior"] = np.full(zeros["prior"].shape, 1 / max(zeros["prior"].size, 1))
    return smoothxent.cross_entropy(**zeros, **options)  # type: ignore[call-overload]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _computed(result: _Result, has_grad: bool, logits: Any, constants: dict[str, Any]) -> Any:
    """Return the loss in a list, followed by the gradient if `has_grad`."""
    kinds = [(result.shape, result.dtype), (logits.shape, logits.dtype)]
    return _foreign(result, logits, constants, *kinds[: 1 + has_grad])


@partial(_computed.defjvp, symbolic_zeros=True)
def _differentiate(result: _Result, has_grad: bool, primals: Any, tangents: Any) -> Any:
    """Return what `_computed` does and its tangents; JAX itself differentiates the gradient."""
    for name, tangent in tangents[1].items():
        if not isinstance(tangent, SymbolicZero):
            raise TypeError(
                f"{name} must not be differentiated, got a call that needs its derivative; "
                f"use jax.lax.stop_gradient({name})"
            )
    loss, grad = _computed(result, True, *primals)
    of_loss = _tangent(result, grad, tangents[0])
    if not has_grad:
        return [loss], [of_loss]
    formula = partial(_formula, primals[1], Call.read(result.text).options)
    _, of_grad = jax.jvp(jax.grad(formula), primals[:1], tangents[:1])
    nothing = 0 * jax.lax.stop_gradient(grad)  # nan for bad labels, which the formula accepts
    return [loss, grad], [of_loss, of_grad * (1 + nothing)]


@partial(jax.checkpoint, static_argnums=0, prevent_cse=False)  # keeps `grad` in its own dtype
def _tangent(result: _Result, grad: Any, tangent: Any) -> Any:
    """Return the tangent of the loss: sums of the gradient times the tangent of the logits."""
    axis = Call.read(result.text).options["axis"] if result.shape else None
    return (grad.astype(result.dtype) * tangent.astype(result.dtype)).sum(axis)


def _formula(constants: dict[str, Any], options: dict[str, Any], logits: Any) -> Any:
    """Return the loss, of several rows their sum, in JAX's own operations."""
    labels, axis, eps = constants["labels"], options["axis"], options["label_smoothing"]
    x = jnp.moveaxis(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)), axis, -1)
    num_classes, kept = x.shape[-1], jnp.ones(x.shape[:-1], bool)
    if options["ignore_index"] is not None:
        kept = labels != options["ignore_index"]
    if labels.ndim < logits.ndim:
        q = jax.nn.one_hot(labels.astype(jnp.int32), num_classes, dtype=x.dtype)
    else:
        q = jnp.moveaxis(labels.astype(x.dtype), axis, -1)
    s = kept * constants.get("sample_weight", 1)
    w, u = constants.get("class_weight", 1), constants.get("prior", 1 / num_classes)
    c = s[..., None] * w * ((1 - eps) * q + eps * u)  # the coefficients of -log p
    x = jnp.where(kept[..., None], x, 0)
    if options["softcap"] is not None:
        x = options["softcap"] * jnp.tanh(x / options["softcap"])
    x = x / options["temperature"]
    log_sum_exp = jax.nn.logsumexp(x, axis=-1)
    log_sum_exp += options["z_loss"] * log_sum_exp**2
    losses = c.sum(-1) * log_sum_exp - jnp.where(c == 0, 0, c * x).sum(-1)
    divisors = {
        "mean": jnp.sum(s * (w * q).sum(-1) if labels.ndim < logits.ndim else s),
        "sum_over_batch_size": s.size,
        "sum_by_nonzero_weights": jnp.maximum(jnp.count_nonzero(s), 1),
    }
    return losses.sum() / divisors.get(options["reduction"], 1)


def _foreign(result: _Result, logits: Any, constants: dict[str, Any], *kinds: Any) -> Any:
    """Call the foreign function for results of these shapes and dtypes."""
    arrays = [logits, *(constants[name] for name in sorted(constants))]

    def like(*arrays: Any) -> Any:
        """Return results that vary over the devices of a `shard_map` like the arrays."""
        nothing = sum(array.sum() for array in arrays) * 0
        return [jnp.zeros(shape, dtype) + nothing.astype(dtype) for shape, dtype in kinds]

    call = jax.ffi.ffi_call(TARGET, jax.eval_shape(like, *arrays), vmap_method="broadcast_all")
    return call(*arrays, text=result.text)
