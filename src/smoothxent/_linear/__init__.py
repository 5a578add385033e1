"""Loss, gradients and metrics of a linear head, whose logits are computed block by block."""
