"""A small softmax classifier of handwritten digits, trained with our loss and gradient.

One hidden layer, gradient descent with momentum on all training rows at once. The images are so few
that the classifier can memorise them: there the two losses differ most.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smoothxent import Evaluation, cross_entropy, cross_entropy_and_grad, evaluate

NUM_CLASSES = 10
NUM_TRAIN = 200
HIDDEN_UNITS = 128
LEARNING_RATE = 0.4
MOMENTUM = 0.9

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """Images (N, 64) in [0, 1], and the digits that they show (N,) in [0, 10)."""

    images: Floats
    labels: NDArray[np.int64]


def digits(seed: int) -> tuple[Rows, Rows]:
    """Return scikit-learn's digits, shuffled: `NUM_TRAIN` training rows, then the test rows."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = order[:NUM_TRAIN], order[NUM_TRAIN:]
    return Rows(images[train], labels[train]), Rows(images[test], labels[test])


@dataclass
class Classifier:
    """A softmax classifier with one hidden layer of rectified linear units."""

    hidden_weight: Floats
    hidden_bias: Floats
    weight: Floats
    bias: Floats
    velocity: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.velocity = [np.zeros_like(parameter) for parameter in self.parameters]

    @classmethod
    def random(cls, seed: int, num_pixels: int, num_classes: int) -> "Classifier":
        """Draw weights of variance 2 / inputs (He et al. 2015); biases are 0."""
        rng = np.random.default_rng(seed)

        def weights(inputs: int, outputs: int) -> Floats:
            scale = np.sqrt(2 / inputs)
            return rng.normal(0, scale, (inputs, outputs)).astype(np.float32)

        return cls(
            weights(num_pixels, HIDDEN_UNITS),
            np.zeros(HIDDEN_UNITS, np.float32),
            weights(HIDDEN_UNITS, num_classes),
            np.zeros(num_classes, np.float32),
        )

    @property
    def parameters(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The parameters, in the order of their gradients."""
        return self.hidden_weight, self.hidden_bias, self.weight, self.bias

    def hidden(self, images: Floats) -> Floats:
        """Return the hidden units (N, HIDDEN_UNITS)."""
        units: Floats = images @ self.hidden_weight + self.hidden_bias
        return np.maximum(units, 0, out=units)

    def logits(self, images: Floats) -> Floats:
        """Return the logits (N, NUM_CLASSES)."""
        logits: Floats = self.hidden(images) @ self.weight + self.bias
        return logits

    def learn(self, rows: Rows, label_smoothing: float) -> None:
        """Take one step down the gradient of the smoothed loss."""
        hidden = self.hidden(rows.images)
        logits = hidden @ self.weight + self.bias
        _, grad = cross_entropy_and_grad(
            logits, rows.labels, label_smoothing=label_smoothing, grad_out=logits
        )
        hidden_grad = (grad @ self.weight.T) * (hidden > 0)
        grads = (rows.images.T @ hidden_grad, hidden_grad.sum(0), hidden.T @ grad, grad.sum(0))
        for parameter, velocity, step in zip(self.parameters, self.velocity, grads, strict=True):
            velocity *= MOMENTUM
            velocity -= LEARNING_RATE * step
            parameter += velocity


@dataclass(frozen=True)
class Curve:
    """The loss on the label, without smoothing, after some of the epochs; nats."""

    epochs: list[int]
    train: list[float]
    test: list[float]


@dataclass(frozen=True)
class Run:
    """Training curve and final evaluations of one classifier."""

    label_smoothing: float
    curve: Curve
    train: Evaluation
    test: Evaluation


def train(
    learn: Rows,
    test: Rows,
    *,
    label_smoothing: float,
    epochs: int,
    seed: int,
    advance: Callable[[], None],
) -> Run:
    """Train from random weights of this seed; call `advance` after every epoch."""
    classifier = Classifier.random(seed, learn.images.shape[1], NUM_CLASSES)
    curve = Curve([], [], [])
    watched = set(np.geomspace(1, epochs, 120).round().astype(int))
    for epoch in range(1, epochs + 1):
        classifier.learn(learn, label_smoothing)
        if epoch in watched:
            curve.epochs.append(epoch)
            curve.train.append(cross_entropy(classifier.logits(learn.images), learn.labels))
            curve.test.append(cross_entropy(classifier.logits(test.images), test.labels))
        advance()
    of_train, of_test = [
        evaluate(classifier.logits(rows.images), rows.labels, label_smoothing=label_smoothing)
        for rows in (learn, test)
    ]
    return Run(label_smoothing, curve, of_train, of_test)
