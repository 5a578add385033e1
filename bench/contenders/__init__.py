"""Everyone who is timed, one file a family. Whose library is missing is left out."""

from __future__ import annotations

from .arrays import Numba, NumPy, PlainCython, ScikitLearn, SciPy
from .contender import Contender, default_threads
from .graphs import Jax, OnnxRuntime, TensorFlow
from .ours import Limits, Smoothxent, SmoothxentReusing
from .pytorch import Compiled, PyTorch

OURS = Smoothxent.name
CONTENDERS: tuple[type[Contender], ...] = (
    Smoothxent, SmoothxentReusing, Limits,
    PyTorch, Compiled, Jax, TensorFlow, OnnxRuntime, Numba, ScikitLearn, PlainCython, NumPy, SciPy,
)  # fmt: skip

__all__ = [
    "CONTENDERS",
    "OURS",
    "Contender",
    "Jax",
    "NumPy",
    "OnnxRuntime",
    "PyTorch",
    "SciPy",
    "ScikitLearn",
    "Smoothxent",
    "TensorFlow",
    "default_threads",
]  # fmt: skip
