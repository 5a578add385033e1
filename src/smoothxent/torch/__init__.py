"""`torch.nn.functional.cross_entropy` and `torch.nn.CrossEntropyLoss` on the CPU, by smoothxent."""

try:
    from smoothxent.torch._loss import CrossEntropyLoss, cross_entropy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.torch needs torch; pip install "smoothxent[torch]"', name=error.name
    ) from error

__all__ = ["CrossEntropyLoss", "cross_entropy"]
