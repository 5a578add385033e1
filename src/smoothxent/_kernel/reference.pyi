import numpy as np
from numpy.typing import NDArray

def cross_entropy(
    logits: NDArray[np.float32] | NDArray[np.float64],
    labels: NDArray[np.int64],
    label_smoothing: float,
    out: NDArray[np.float64],
    num_threads: int,
) -> None: ...
