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
        from rich import progress as bars
        from rich.console import Console
    except ModuleNotFoundError:
        yield None
        return
    columns = (
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TextColumn("{task.fields[loss]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as progress:
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
