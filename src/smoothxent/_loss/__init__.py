"""The loss, its gradient, softmax and other functions of rows of logits."""
