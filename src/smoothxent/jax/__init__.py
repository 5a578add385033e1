"""The label-smoothed loss for JAX on the CPU: under jit, grad and vmap, without copies."""

try:
    from smoothxent.jax._loss import cross_entropy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.jax needs jax; pip install "smoothxent[jax]"', name=error.name
    ) from error

__all__ = ["cross_entropy"]
