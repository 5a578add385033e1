"""The error of a plot where matplotlib is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def matplotlib_is_needed() -> Iterator[None]:
    """Name the command that installs matplotlib, if an import of the block does not find it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'plot needs matplotlib; pip install "smoothxent[cli]"', name=error.name
        ) from error
