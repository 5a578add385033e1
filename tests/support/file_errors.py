"""Errors of evaluate_file, and headers of .npy files."""

import numpy as np

from assertions import error_text
from smoothxent import evaluate_file


def error_of(error, folder, logits="logits.npy", labels="labels.npy", **options):
    """Return the text of the error that the files must raise."""
    paths = [
        [folder / name for name in names] if isinstance(names, list) else folder / names
        for names in (logits, labels)
    ]
    return error_text(error, evaluate_file, *paths, **options)


def write_header(path, shape, descr="<f4", fortran_order=False, data=b""):
    with path.open("wb") as file:
        header = {"descr": descr, "fortran_order": fortran_order, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(data)
