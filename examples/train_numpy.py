"""Train a network with one hidden layer on three spirals: `python examples/train_numpy.py`.

NumPy computes the products, and smoothxent the loss with its gradient by the logits, in place.
"""

import numpy as np

from smoothxent import cross_entropy_and_grad, evaluate

NUM_CLASSES, HIDDEN, BATCH, EPOCHS, LEARNING_RATE = 3, 64, 64, 60, 0.5


def spirals(num_rows, rng):
    """Return points (N, 2) on three arms of a spiral, and the arm of each."""
    labels = rng.integers(0, NUM_CLASSES, num_rows)
    radius = rng.uniform(0.1, 1, num_rows)
    angle = 2 * np.pi * labels / NUM_CLASSES + 4 * radius + rng.normal(0, 0.4, num_rows)
    points = radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])
    return points.astype(np.float32), labels


def first_parameters(rng):
    """Return weights and biases of both layers; weights have the variance 2 / inputs."""
    parameters = []
    for inputs, outputs in ((2, HIDDEN), (HIDDEN, NUM_CLASSES)):
        weight = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
        parameters += [weight.astype(np.float32), np.zeros(outputs, np.float32)]
    return parameters


def forward(parameters, points):
    """Return the hidden units and the logits."""
    weight, bias, head_weight, head_bias = parameters
    hidden = np.maximum(points @ weight + bias, 0)
    return hidden, hidden @ head_weight + head_bias


def step(parameters, points, labels):
    """Take one step down the gradient, and return the loss before it."""
    hidden, logits = forward(parameters, points)
    loss, grad = cross_entropy_and_grad(logits, labels, label_smoothing=0.1, grad_out=logits)
    hidden_grad = (grad @ parameters[2].T) * (hidden > 0)
    grads = points.T @ hidden_grad, hidden_grad.sum(axis=0), hidden.T @ grad, grad.sum(axis=0)
    for parameter, each in zip(parameters, grads, strict=True):
        parameter -= LEARNING_RATE * each
    return loss


def main():
    rng = np.random.default_rng(0)
    points, labels = spirals(2000, rng)
    parameters = first_parameters(rng)
    for epoch in range(1, EPOCHS + 1):
        batches = np.array_split(rng.permutation(len(labels)), len(labels) // BATCH)
        losses = [step(parameters, points[rows], labels[rows]) for rows in batches]
        if epoch % 20 == 0:
            print(f"epoch {epoch}: smoothed loss {np.mean(losses):.4f}")
    test_points, test_labels = spirals(1000, rng)
    print(f"\n{evaluate(forward(parameters, test_points)[1], test_labels).to_text()}")


if __name__ == "__main__":
    main()
