"""`python -m bench`: time every contender in its own process; write tables, a picture and JSON.

Afterwards `python -m bench.neighbours` times smoothxent in use.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib.util import find_spec

from bench import machine, neighbours
from bench.children import ROOT
from bench.peers import OURS, PEERS
from bench.peers.peer import default_threads

from . import ratios, report
from .passes import Pass
from .records import Run, load, merge

LATEST = ROOT / "bench" / "results" / "latest.json"
DOCS = ROOT / "docs"


class ContenderFailed(Exception):
    """smoothxent returned a wrong result or crashed; the text is the end of pytest's report."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few shapes, one pass; nothing is saved"
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
        metavar="P",
        help="number of runs of each contender (default 3; with --quick, 1)",
    )
    parser.add_argument(
        "--contender",
        action="append",
        choices=PEERS,
        help="time only this contender (repeatable); nothing is saved",
    )
    parser.add_argument(
        "--redraw",
        action="store_true",
        help="measure nothing; write the page and the picture of the saved run again, and print "
        "the README's table",
    )
    options = parser.parse_args(arguments)
    options.passes = options.passes or (1 if options.quick else 3)
    return options


def measure(contenders: list[str], options: argparse.Namespace) -> Run:
    """Run the passes, every second one in reverse order, so that a drift is the same for all."""
    measured = []
    start, begin = time.monotonic(), machine.now()
    with tempfile.TemporaryDirectory(prefix="smoothxent-bench-") as folder:
        for number in range(options.passes):
            for name in contenders[:: -1 if number % 2 else 1]:
                text = f"{time.monotonic() - start:5.0f} s  {name}, pass {number + 1}"
                print(text, file=sys.stderr, flush=True)
                result, failure = Pass(name, options.threads, options.quick, folder).run()
                if failure and name.startswith(OURS):
                    raise ContenderFailed(failure)
                if failure:
                    print(f"{failure}\n{name}: failed measurements are missing", file=sys.stderr)
                if result:
                    measured.append(result)
    return merge(
        measured,
        threads=options.threads,
        passes=options.passes,
        others_busy=machine.others_busy(begin),
    )


def write_page(run: Run) -> None:
    (DOCS / "benchmark.md").write_text(report.markdown(run), encoding="utf-8")
    ratios.draw(run, DOCS / "benchmark.png")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.redraw:
        run = load(LATEST)
        write_page(run)
        print(report.readme(run))
        return 0
    contenders = [
        name
        for name, contender in PEERS.items()
        if contender.installed() and (not options.contender or name in options.contender)
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
    print(report.text(run))
    if run.others_busy and run.others_busy > machine.DISTURBED:
        print(
            f"other processes kept {run.others_busy:.2f} cores busy during the run: "
            "the times are not reliable; measure again on an idle machine",
            file=sys.stderr,
        )
    whole = not (options.quick or options.contender)  # a part never replaces the saved figures
    if whole:
        run.save(LATEST)
        write_page(run)
    if not options.contender:
        neighbours.main(["--passes", str(options.passes), *["--save"] * whole])
    return 0


if __name__ == "__main__":
    sys.exit(main())
