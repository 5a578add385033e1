"""`torch.nn.functional.cross_entropy` and `torch.nn.CrossEntropyLoss` on the CPU, by smoothxent."""

from smoothxent.torch._loss import CrossEntropyLoss, cross_entropy

__all__ = ["CrossEntropyLoss", "cross_entropy"]
