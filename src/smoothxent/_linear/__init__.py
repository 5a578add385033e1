"""The logits hidden @ weight.T + bias of a classifier's head, block by block."""
