"""Replacements of PyTorch's cross-entropies and their modules for tensors on the CPU."""

try:
    from smoothxent.torch import _linear_loss
    from smoothxent.torch._linear_loss import linear_cross_entropy
    from smoothxent.torch._loss import CrossEntropyLoss, cross_entropy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.torch needs torch; pip install "smoothxent[torch]"', name=error.name
    ) from error

__all__ = ["CrossEntropyLoss", "cross_entropy", "linear_cross_entropy"]

if hasattr(_linear_loss, "LinearCrossEntropyLoss"):  # if PyTorch has it, since version 2.13
    from smoothxent.torch._linear_loss import LinearCrossEntropyLoss

    __all__ += ["LinearCrossEntropyLoss"]
