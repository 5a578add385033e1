"""A small softmax classifier of handwritten digits, trained with the loss and its gradient.

One hidden layer, gradient descent with momentum on all training rows at once. A share of the
training labels is wrong, and the classifier is large enough to learn them by heart.
"""

from dataclasses import dataclass, field

import numpy as np
from sklearn.datasets import load_digits

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


def digits(seed):
    """Return images (N, 64) in [0, 1] and labels (N,): for training, held out, and for tests.

    `WRONG` of the training labels are replaced by others.
    """
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    rng = np.random.default_rng(seed)
    parts = np.split(rng.permutation(len(labels)), [NUM_TRAIN, NUM_TRAIN + NUM_HELD_OUT])
    wrong = parts[0][: round(WRONG * NUM_TRAIN)]  # the order is random
    labels[wrong] = (labels[wrong] + rng.integers(1, NUM_CLASSES, len(wrong))) % NUM_CLASSES
    return [(images[part], labels[part]) for part in parts]


class Classifier:
    """A softmax classifier with one hidden layer of rectified linear units."""

    def __init__(self, seed, num_pixels):
        """Draw weights of variance 2 / inputs (He et al. 2015); biases are 0."""
        rng = np.random.default_rng(seed)
        self.parameters = []
        for inputs, outputs in ((num_pixels, HIDDEN_UNITS), (HIDDEN_UNITS, NUM_CLASSES)):
            weight = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
            self.parameters += [weight.astype(np.float32), np.zeros(outputs, np.float32)]
        self.velocities = [np.zeros_like(parameter) for parameter in self.parameters]

    def forward(self, images):
        """Return the hidden units (N, HIDDEN_UNITS) and the logits (N, NUM_CLASSES)."""
        hidden_weight, hidden_bias, weight, bias = self.parameters
        hidden = np.maximum(images @ hidden_weight + hidden_bias, 0)
        return hidden, hidden @ weight + bias

    def learn(self, images, labels, label_smoothing):
        """Take one step down the gradient of the smoothed loss."""
        hidden, logits = self.forward(images)
        _, grad = cross_entropy_and_grad(
            logits, labels, label_smoothing=label_smoothing, grad_out=logits
        )
        hidden_grad = (grad @ self.parameters[2].T) * (hidden > 0)
        grads = (images.T @ hidden_grad, hidden_grad.sum(0), hidden.T @ grad, grad.sum(0))
        for parameter, velocity, step in zip(self.parameters, self.velocities, grads, strict=True):
            velocity *= MOMENTUM
            velocity -= LEARNING_RATE * step
            parameter += velocity


@dataclass
class Curve:
    """Loss on the label, without smoothing, and accuracy after some of the epochs; nats."""

    epochs: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)  # on the test rows


@dataclass
class Run:
    """Training curve and final results of one classifier."""

    label_smoothing: float
    curve: Curve
    train: Evaluation
    test: Evaluation
    temperature: Temperature  # fitted on the held-out rows
    calibrated: Evaluation  # of the test rows, at this temperature


def train(digits, label_smoothing, epochs, seed):
    """Train from random weights of this seed."""
    (images, labels), (held_out_images, held_out_labels), (test_images, test_labels) = digits
    classifier = Classifier(seed, images.shape[1])
    curve = Curve()
    watched = set(np.geomspace(1, epochs, 120).round().astype(int))
    for epoch in range(1, epochs + 1):
        classifier.learn(images, labels, label_smoothing)
        if epoch in watched:
            now = evaluate(classifier.forward(test_images)[1], test_labels)
            curve.epochs.append(epoch)
            curve.train.append(cross_entropy(classifier.forward(images)[1], labels))
            curve.test.append(now.nll)
            curve.accuracy.append(now.accuracy)
    test_logits = classifier.forward(test_images)[1]
    temperature = fit_temperature(classifier.forward(held_out_images)[1], held_out_labels)
    return Run(
        label_smoothing,
        curve,
        evaluate(classifier.forward(images)[1], labels, label_smoothing=label_smoothing),
        evaluate(test_logits, test_labels),
        temperature,
        evaluate(test_logits, test_labels, temperature=temperature.value),
    )
