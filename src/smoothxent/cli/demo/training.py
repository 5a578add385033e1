"""A small softmax classifier of handwritten digits, trained with our loss and gradient.

One hidden layer, gradient descent with momentum on all training rows at once. A share of the
training labels is wrong, and the classifier is large enough to learn them by heart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smoothxent import (
    Evaluation,
    Temperature,
    cross_entropy,
    cross_entropy_and_grad,
    evaluate,
    fit_temperature,
)

NUM_CLASSES = 10
NUM_TRAIN, NUM_HELD_OUT = 900, 300  # of 1797; the temperature is fitted on the held-out digits
WRONG = 0.15  # share of the training labels
HIDDEN_UNITS = 128
LEARNING_RATE = 0.4
MOMENTUM = 0.9

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """Images (N, 64) in [0, 1], and the digits that they show (N,) in [0, 10)."""

    images: Floats
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """Rows for training, some of whose labels are wrong, and rows that are not used for it."""

    train: Rows
    held_out: Rows
    test: Rows


def digits(seed: int) -> Digits:
    """Return scikit-learn's digits, shuffled, with `WRONG` of the training labels drawn anew."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    rng = np.random.default_rng(seed)
    train, held_out, test = np.split(
        rng.permutation(len(labels)), [NUM_TRAIN, NUM_TRAIN + NUM_HELD_OUT]
    )
    given = labels[train]
    wrong = slice(round(WRONG * NUM_TRAIN))  # in an order that is random
    given[wrong] += rng.integers(1, NUM_CLASSES, len(given[wrong]))
    return Digits(
        Rows(images[train], given % NUM_CLASSES),
        Rows(images[held_out], labels[held_out]),
        Rows(images[test], labels[test]),
    )


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
    """Loss on the label, without smoothing, and accuracy after some of the epochs; nats."""

    epochs: list[int]
    train: list[float]
    test: list[float]
    accuracy: list[float]  # on the test rows


@dataclass(frozen=True)
class Run:
    """Training curve and final results of one classifier."""

    label_smoothing: float
    curve: Curve
    train: Evaluation
    test: Evaluation
    temperature: Temperature  # fitted on the held-out rows
    calibrated: Evaluation  # of the test rows, at this temperature


def train(
    digits: Digits,
    *,
    label_smoothing: float,
    epochs: int,
    seed: int,
    advance: Callable[[], None],
) -> Run:
    """Train from random weights of this seed; call `advance` after every epoch."""
    learn, test = digits.train, digits.test
    classifier = Classifier.random(seed, learn.images.shape[1], NUM_CLASSES)
    curve = Curve([], [], [], [])
    watched = set(np.geomspace(1, epochs, 120).round().astype(int))
    for epoch in range(1, epochs + 1):
        classifier.learn(learn, label_smoothing)
        if epoch in watched:
            now = evaluate(classifier.logits(test.images), test.labels)
            curve.epochs.append(epoch)
            curve.train.append(cross_entropy(classifier.logits(learn.images), learn.labels))
            curve.test.append(now.nll)
            curve.accuracy.append(now.accuracy)
        advance()
    logits, test_logits = classifier.logits(learn.images), classifier.logits(test.images)
    temperature = fit_temperature(classifier.logits(digits.held_out.images), digits.held_out.labels)
    return Run(
        label_smoothing,
        curve,
        evaluate(logits, learn.labels, label_smoothing=label_smoothing),
        evaluate(test_logits, test.labels),
        temperature,
        evaluate(test_logits, test.labels, temperature=temperature.value),
    )
