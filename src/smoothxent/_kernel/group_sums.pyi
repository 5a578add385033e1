import numpy as np
from numpy.typing import NDArray

def range_of(values: NDArray[np.float64]) -> tuple[int, int]: ...
def add(
    values: NDArray[np.float64],  # IN  finite (N,)
    groups: NDArray[np.int64],  # IN  (N,)
    lowest: int,
    digits: NDArray[np.int64],  # IN and OUT  contiguous (groups, digits)
) -> None: ...
def carry(
    digits: NDArray[np.int64],  # IN and OUT  contiguous (groups, digits)
) -> tuple[int, int]: ...
