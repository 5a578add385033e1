"""Evaluate a small language model without its logits: `python examples/language_model.py [FILE]`.

The package textgenrnn carries a network that predicts the next character out of 465, trained on
headlines. It is an embedding, two LSTM layers, an average over the last 40 characters, and a linear
head. NumPy computes the features; `linear_evaluate` takes them with the weight of the head. The
program reads only the weights of textgenrnn, so it needs h5py but not the package's dependencies:

    pip install h5py
    pip install --no-deps textgenrnn

FILE is any text; without one, the Zen of Python.
"""

import codecs
import contextlib
import importlib.util
import io
import json
import sys
from pathlib import Path

import h5py
import numpy as np

from smoothxent import linear_evaluate, linear_row_statistics

CONTEXT = 40  # characters that the network sees
SHOWN = 3  # guesses for each character


def network():
    """Return the arrays of the network by name, and the number of each character."""
    folder = Path(importlib.util.find_spec("textgenrnn").origin).parent
    arrays = {}
    with h5py.File(folder / "textgenrnn_weights.hdf5") as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name.partition("/")[2]: item[:]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    numbers = json.loads((folder / "textgenrnn_vocab.json").read_text(encoding="utf-8"))
    return arrays, numbers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(inputs, arrays, name):
    """Return the outputs (N, T, units) of a layer whose weights are in the order of cuDNN."""
    kernel, recurrent = arrays[f"{name}/kernel:0"], arrays[f"{name}/recurrent_kernel:0"]
    # Each of the four gates is stored transposed, and its two biases are added.
    gates = np.split(kernel, 4, axis=1)
    kernel = np.hstack([gate.T.reshape(gate.shape, order="F") for gate in gates])
    recurrent = np.hstack([gate.T for gate in np.split(recurrent, 4, axis=1)])
    bias = arrays[f"{name}/bias:0"].reshape(2, -1).sum(axis=0)
    num_rows, num_steps, _ = inputs.shape
    output = state = np.zeros((num_rows, len(recurrent)), np.float32)
    outputs = np.empty((num_rows, num_steps, len(recurrent)), np.float32)
    projected = inputs @ kernel + bias
    for step in range(num_steps):
        enter, forget, cell, leave = np.split(projected[:, step] + output @ recurrent, 4, axis=1)
        state = sigmoid(forget) * state + sigmoid(enter) * np.tanh(cell)
        output = outputs[:, step] = sigmoid(leave) * np.tanh(state)
    return outputs


def features(characters, arrays):
    """Return the features (N, 356) from which the head predicts each character but the first."""
    padded = np.concatenate([np.zeros(CONTEXT - 1, np.int64), characters[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT)
    embedded = arrays["embedding/embeddings:0"][windows]
    first = lstm(embedded, arrays, "rnn_1")
    layers = np.concatenate([embedded, first, lstm(first, arrays, "rnn_2")], axis=2)
    attention = np.exp(layers @ arrays["attention/attention_W:0"])
    return (layers * attention).sum(axis=1) / attention.sum(axis=1)


def zen():
    """Return the Zen of Python, which `import this` prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13")


def main():
    text = Path(sys.argv[1]).read_text(encoding="utf-8") if sys.argv[1:] else zen()
    arrays, numbers = network()
    numbers["\n"] = numbers["<s>"]  # which ends a headline
    if not text or set(text) - set(numbers):
        sys.exit(f"the text must consist of the {len(numbers)} characters of the network")
    characters = np.array([numbers[each] for each in f"\n{text}"])
    hidden, labels = features(characters, arrays), characters[1:]
    weight, bias = arrays["output/kernel:0"].T, arrays["output/bias:0"]

    evaluation = linear_evaluate(hidden, weight, labels, bias=bias)
    print(evaluation.to_text())
    print(f"{evaluation.bits(per=len(text)):.3f} bits per character\n")

    rows = linear_row_statistics(hidden, weight, labels, bias=bias, top_k=SHOWN)
    names = {number: name for name, number in numbers.items()}
    print("the ten least expected characters, each after the text before it, with three guesses:")
    for row in np.argsort(-rows.nll)[:10]:
        before = text[max(0, row - 20) : row]
        guesses = " ".join(repr(names.get(k, "?")) for k in rows.top_classes[row].tolist())
        print(f"{before!r:>26} {text[row]!r:5} nll {rows.nll[row]:6.2f}, guesses {guesses}")


if __name__ == "__main__":
    main()
