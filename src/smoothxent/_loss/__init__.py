"""The loss, its gradient, and the other functions of rows of logits."""
