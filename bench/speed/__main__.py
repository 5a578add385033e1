"""`python -m bench`: time every contender in its own process; write tables, pictures and JSON.

Afterwards `python -m bench.neighbours` times smoothxent in use.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import load as machine
from bench import neighbours
from bench.children import ROOT
from bench.peers import OURS, Peer, default_threads

from . import report
from .contenders import CONTENDERS
from .passes import ContenderFailed, Plan, run_contender
from .records import Run, load, merge

LATEST = ROOT / "bench" / "results" / "latest.json"
DOCS = ROOT / "docs"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument(
        "--quick", action="store_true", help="few shapes, one pass; nothing is saved by default"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=default_threads(),
        metavar="T",
        help="threads of every contender that has threads (default %(default)s)",
    )
    parser.add_argument(
        "--passes",
        type=int,
        default=None,
        metavar="P",
        help="number of runs of each contender (default 3; with --quick, 1)",
    )
    parser.add_argument(
        "--contender", action="append", choices=names, help="time only this contender (repeatable)"
    )
    parser.add_argument(
        "--output-json", type=Path, metavar="FILE", help=f"default {_shown(LATEST)}"
    )
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help=f"where to write the page and the pictures; default {_shown(DOCS)}",
    )
    parser.add_argument(
        "--redraw", type=Path, metavar="JSON", help="measure nothing; report a saved run again"
    )
    parser.add_argument(
        "--readme",
        action="store_true",
        help="measure nothing; print the README's table of the saved run",
    )
    options = parser.parse_args(arguments)
    if options.threads < 1 or (options.passes is not None and options.passes < 1):
        parser.error("--threads and --passes must be at least 1")
    options.passes = options.passes or (1 if options.quick else 3)
    if not (options.quick or options.contender):  # part of a run never replaces the saved figures
        options.output_json = options.output_json or LATEST
        options.docs = options.docs or DOCS
    return options


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def measure(contenders: list[type[Peer]], options: argparse.Namespace) -> Run:
    """Run the passes, every second one in reverse order, so that a drift is the same for all."""
    measured: list[dict[str, Any]] = []
    begin = machine.now()
    with tempfile.TemporaryDirectory(prefix="smoothxent-bench-") as folder:
        plan = Plan(options.threads, options.quick, Path(folder))
        turns = [
            (contender, f"{contender.name}, pass {number + 1}")
            for number in range(options.passes)
            for contender in contenders[:: -1 if number % 2 else 1]
        ]
        with progress(sum(plan.measurements(contender) for contender, _ in turns)) as advance:
            for contender, text in turns:
                result, failure = run_contender(contender, plan, partial(advance, text))
                if failure and contender.name.startswith(OURS):
                    raise ContenderFailed(failure)
                if failure:
                    print(f"{failure}\n{text}: failed measurements are missing", file=sys.stderr)
                if result:
                    measured.append(result)
    return merge(
        measured,
        threads=options.threads,
        passes=options.passes,
        others_busy=machine.others_busy(begin, machine.now()),
    )


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on a terminal if rich is installed, otherwise a line per contender."""
    if find_spec("rich") and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        columns = (BarColumn(), MofNCompleteColumn(), Elapsed(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=total)
            yield lambda text: bar.update(task, advance=1, description=text)
        return
    seen: set[str] = set()
    begin = time.monotonic()

    def advance(text: str) -> None:
        if text not in seen:
            seen.add(text)
            print(f"{time.monotonic() - begin:5.0f} s  {text}", file=sys.stderr, flush=True)

    yield advance


def publish(run: Run, options: argparse.Namespace) -> None:
    report.print_tables(run)
    if run.others_busy and run.others_busy > machine.DISTURBED:
        print(
            f"other processes kept {run.others_busy:.2f} cores busy during the run: "
            "the times are not reliable; measure again on an idle machine",
            file=sys.stderr,
        )
    if options.output_json and not options.redraw:
        run.save(options.output_json)
    if not options.docs:
        return
    options.docs.mkdir(parents=True, exist_ok=True)
    (options.docs / "benchmark.md").write_text(report.markdown(run), encoding="utf-8")
    if find_spec("matplotlib"):
        from . import ratios

        ratios.draw(run, options.docs / "benchmark.png")
    else:
        print("no picture: matplotlib is not installed", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.readme:
        print(report.readme(load(options.redraw or LATEST)))
        return 0
    if options.redraw:
        publish(load(options.redraw), options)
        return 0
    contenders = [
        contender
        for contender in CONTENDERS
        if contender.installed() and (not options.contender or contender.name in options.contender)
    ]
    missing = [name for name in ("smoothxent", "pytest_benchmark") if not find_spec(name)]
    if missing or not contenders:
        print(
            f"bench needs {' and '.join(missing) or 'a contender that is installed'}; "
            "run `make bench`, or `pip install --editable . --group bench` first",
            file=sys.stderr,
        )
        return 2
    try:
        run = measure(contenders, options)
    except ContenderFailed as failure:
        print(f"{failure}\nsmoothxent failed; nothing was saved", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    publish(run, options)
    if not options.contender:
        neighbours.main(["--passes", str(options.passes), *["--save"] * bool(options.docs)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
