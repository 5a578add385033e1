"""A progress bar on stderr, with the rows per second and the loss so far."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from smoothxent import Evaluation

Update: TypeAlias = Callable[..., object]  # rows done, rows in total, one evaluation or more


@contextmanager
def shown(wanted: bool) -> Iterator[Update | None]:
    """Yield a function that updates the bar, or None without a terminal or without rich."""
    if not (wanted and sys.stderr and sys.stderr.isatty()):
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        yield None
        return
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, rate="", loss="")

        def update(num_done: int, num_rows: int, *evaluations: Evaluation) -> None:
            speed = progress.tasks[task].speed
            progress.update(
                task,
                completed=num_done,
                total=num_rows,
                rate=f"{speed:,.0f} rows/s" if speed else "",
                loss="loss " + ", ".join(f"{each.loss:.4f}" for each in evaluations),
            )

        yield update
