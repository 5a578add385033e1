"""The arguments that commands share: files, and options of reading and metrics."""

import argparse
import stat
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothxent.cli import options
from smoothxent.cli.errors import CommandError, name_file

# For a pattern that the shell has expanded into many arguments.
QUOTE = "; quote a pattern, as in 'part-*.npy', so that the shell leaves it as it is"
LOGITS = (
    "logits, shape (N, C): a .npy, .npz or .safetensors file, FILE::NAME for one array in it, or "
    "a quoted pattern such as 'part-*.npy' for shards in the order of their numbers"
)
LABELS = "N class indices: a file as above, or a .txt file with one index a line"
# The options that `add_arguments` adds.
SHARED = ("sample_weight", "ignore_index", "top_k", "num_bins", "dtype", "num_threads")


def add_label_smoothing(parser: argparse.ArgumentParser) -> None:
    """Add the option of the loss."""
    parser.add_argument(
        "--label-smoothing",
        metavar="E",
        type=options.number,
        default=0.0,
        help="label smoothing of the loss, 0 to 1 (default: %(default)g)",
    )


def add_softcap(parser: argparse.ArgumentParser) -> None:
    """Add the option that limits the logits."""
    parser.add_argument(
        "--softcap",
        metavar="C",
        type=options.number,
        help="replace each logit x by C tanh(x / C), before the temperature",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading and of the metrics."""
    parser.set_defaults(remedy=QUOTE)
    parser.add_argument(
        "--sample-weight", metavar="FILE", type=options.file, help="file with a weight for each row"
    )
    parser.add_argument(
        "--ignore-index", metavar="I", type=options.whole, help="ignore rows with this label"
    )
    parser.add_argument(
        "--top-k",
        metavar="K,K...",
        type=options.several(options.whole),
        default=(1, 5),
        help="show the share of labels among the K largest logits (default: 1,5)",
    )
    parser.add_argument(
        "--bins",
        dest="num_bins",
        metavar="N",
        type=options.whole,
        default=15,
        help="bins of confidence for the calibration error (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        choices=("bfloat16", "float16"),
        help="the dtype of logits that are stored as bare 2-byte words",
    )
    parser.add_argument(
        "--threads",
        dest="num_threads",
        metavar="T",
        type=options.whole,
        help="number of computing threads (default: as many as the process may use)",
    )


def add_groups(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add the option for groups of rows; the help may say more about the result."""
    parser.add_argument(
        "--groups",
        metavar="FILE",
        type=options.file,
        help="file with the id of each row's group, an integer or a string: standard errors by "
        f"group{more}",
    )


def add_names(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add the option for the names of the two classifiers of a comparison."""
    parser.add_argument(
        "--names", metavar=("NAME_A", "NAME_B"), nargs=2, type=options.name, help=purpose
    )


def files(path: str) -> list[Path]:
    """Return the file at this path or, if there is none, the files that it matches as a pattern."""
    return [Path(path)] if Path(path).exists() else sorted(map(Path, glob(path, recursive=True)))  # noqa: PTH207


def settings(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the shared options and those of these names, as the library's functions take them."""
    return {name: getattr(arguments, name) for name in (*SHARED, *names)}


def array(file: str | None) -> NDArray[Any] | None:
    """Return the array in a .npy file of numbers; None for no file."""
    if file is None:
        return None
    wrong_file = CommandError(
        f"{file}: not an array of numbers in .npy format; save it with np.save"
    )
    if not stat.S_ISREG(Path(file).stat().st_mode):
        raise wrong_file  # opening a pipe may block forever
    try:
        # Mapped: a header that declares more than the file holds then costs no memory.
        with name_file(Path(file)):
            return np.lib.format.open_memmap(file, mode="r")
    except OSError:
        raise
    except Exception as error:  # of any type: literal_eval and tokenize read arbitrary text
        raise wrong_file from error
