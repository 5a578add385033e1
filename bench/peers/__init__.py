"""A wrapper for each library: its threads, its arrays and its functions."""

from __future__ import annotations

from .jax import Jax
from .numba import Numba
from .onnxruntime import OnnxRuntime
from .ours import PlainCython, Smoothxent, SmoothxentReusing
from .peer import IGNORED, NotOfferedError, Peer, default_threads
from .pytorch import Compiled, PyTorch
from .scikit_learn import ScikitLearn
from .setting import Setting
from .tensorflow import TensorFlow
from .textbook import NumPy, SciPy

OURS = Smoothxent.name

__all__ = [
    "IGNORED",
    "OURS",
    "Compiled",
    "Jax",
    "NotOfferedError",
    "NumPy",
    "Numba",
    "OnnxRuntime",
    "Peer",
    "PlainCython",
    "PyTorch",
    "SciPy",
    "ScikitLearn",
    "Setting",
    "Smoothxent",
    "SmoothxentReusing",
    "TensorFlow",
    "default_threads",
]
