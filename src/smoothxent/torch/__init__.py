"""Replacements of PyTorch's `cross_entropy` and `CrossEntropyLoss` for tensors on the CPU."""

try:
    from smoothxent.torch._loss import CrossEntropyLoss, cross_entropy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.torch needs torch; pip install "smoothxent[torch]"', name=error.name
    ) from error

__all__ = ["CrossEntropyLoss", "cross_entropy"]
