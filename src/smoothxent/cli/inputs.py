"""The arguments that commands share: files and options, and what the library takes for them."""

import argparse
import stat
from functools import partial
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
GROUPS = "file with the id of each row's group, an integer or a string: standard errors by group"

# The options of reading and of the metrics, and their names in the library.
READING = ("--sample-weight", "--ignore-index", "--top-k", "--bins", "--dtype", "--threads")
SHARED = ("sample_weight", "ignore_index", "top_k", "num_bins", "dtype", "num_threads")

# The arguments that several commands have, as argparse takes them.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "logits": {"metavar": "LOGITS", "type": options.file, "help": LOGITS},
    "labels": {"metavar": "LABELS", "type": options.file, "help": LABELS},
    "--label-smoothing": {
        "metavar": "E",
        "type": options.number,
        "default": 0.0,
        "help": "label smoothing of the loss, 0 to 1 (default: %(default)g)",
    },
    "--softcap": {
        "metavar": "C",
        "type": options.number,
        "help": "replace each logit x by C tanh(x / C), before the temperature",
    },
    "--sample-weight": {
        "metavar": "FILE",
        "type": options.file,
        "help": "file with a weight for each row",
    },
    "--ignore-index": {
        "metavar": "I",
        "type": options.whole,
        "help": "ignore rows with this label",
    },
    "--top-k": {
        "metavar": "K,K...",
        "type": options.several(options.whole),
        "default": (1, 5),
        "help": "show the share of labels among the K largest logits (default: 1,5)",
    },
    "--bins": {
        "dest": "num_bins",
        "metavar": "N",
        "type": options.whole,
        "default": 15,
        "help": "bins of confidence for the calibration error (default: %(default)s)",
    },
    "--dtype": {
        "choices": ("bfloat16", "float16"),
        "help": "the dtype of logits that are stored as bare 2-byte words",
    },
    "--threads": {
        "dest": "num_threads",
        "metavar": "T",
        "type": options.whole,
        "help": "number of computing threads (default: as many as the process may use)",
    },
    "--groups": {"metavar": "FILE", "type": options.file, "help": GROUPS},
    "--names": {"metavar": ("NAME_A", "NAME_B"), "nargs": 2, "type": options.name},
    "--per-group": {
        "metavar": "FILE.csv",
        "type": options.csv_file,
        "help": "save the metrics of all groups",
    },
    "--per-class": {
        "metavar": "FILE.csv",
        "nargs": "?",
        "const": True,
        "default": False,
        "type": partial(options.csv_file, remedy="; to save nothing, put it after the files"),
        "help": "show the classes with the lowest recall, and save the metrics of all classes",
    },
    "--format": {"help": "format of the printed result (default: table)"},
    "--json": {"metavar": "FILE", "type": options.file},
    "--plot": {
        "metavar": "FILE.png",
        "type": options.picture_file,
        "help": "save a picture of the result, also as .pdf or .svg",
    },
    "--quiet": {"action": "store_true", "help": "print only errors and warnings"},
    "--interval": {
        "metavar": "PERCENT",
        "type": options.percent,
        "help": "show confidence intervals of this share, such as 95, not standard errors",
    },
    "--bytes": {
        "metavar": "N",
        "type": options.positive,
        "help": "add bits per byte to the table (also as Markdown or CSV): the rows encode N bytes",
    },
}


def add_arguments(parser: argparse.ArgumentParser, *names: str, **more: Any) -> None:
    """Add some of these arguments; `more` is what differs in this command."""
    for name in names:
        parser.add_argument(name, **ARGUMENTS[name] | more)


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
