"""Train on digits with wrong labels, with and without label smoothing: `python examples/digits`.

Prints a worked example and a table of both classifiers, and saves a picture.
"""

import argparse
from pathlib import Path

import numpy as np
import picture
import report
import training
from threadpoolctl import threadpool_limits

from smoothxent import cross_entropy, smooth_labels

# A common worked example of label smoothing: three rows, all classified correctly.
EXAMPLE_LOGITS = np.array([[4.0, 5.0, 10.0], [1.0, 5.0, 4.0], [1.0, 15.0, 4.0]])
EXAMPLE_LABELS = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0]])


def parse():
    parser = argparse.ArgumentParser(
        prog="python examples/digits",
        description=__doc__.partition(":")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default="build/demo.png", help="the picture")
    parser.add_argument("--epochs", type=int, default=700, help="passes over the training digits")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the split, the wrong labels and the first weights"
    )
    return parser.parse_args()


def main():
    arguments = parse()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    print_worked_example()
    digits = training.digits(arguments.seed)
    # The products are small: a second BLAS thread would only wait, for long on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        plain, smoothed = (
            training.train(digits, label_smoothing, arguments.epochs, arguments.seed)
            for label_smoothing in (0.0, 0.1)
        )
    report.show(plain, smoothed)
    picture.draw(plain, smoothed, arguments.output)
    print(f"Picture: {arguments.output}")


def print_worked_example():
    plain = cross_entropy(EXAMPLE_LOGITS, EXAMPLE_LABELS)
    smoothed = cross_entropy(EXAMPLE_LOGITS, EXAMPLE_LABELS, label_smoothing=0.001)
    table = smooth_labels(EXAMPLE_LABELS, 0.001)
    rows = zip(EXAMPLE_LOGITS, EXAMPLE_LABELS, table, strict=True)
    print("A worked example: three rows of logits, their labels and the labels smoothed by 0.001\n")
    for logits, labels, targets in rows:
        print(f"  {logits!s:<15} {labels!s:<9}{np.array2string(targets, precision=8)}")
    print(f"\n  loss                        {plain!r}")
    print(f"  loss, label_smoothing=0.001 {smoothed!r}\n")


if __name__ == "__main__":
    main()
