"""`python -m bench.accuracy`: errors of losses, gradients and softmaxes, in ulps of exact values.

The exit status is 1 if an error of smoothxent exceeds its bound, 2 if smoothxent failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from bench.children import ROOT
from bench.peers import OURS, installed

from . import breeding, picture, report
from .comparison import ExactProblem, comparisons
from .libraries import LIBRARIES, results_of
from .problems import Problem, problems
from .processes import OursFailed, Processes
from .records import Campaign, Tally, campaign, load

SAVED = ROOT / "bench" / "results" / "accuracy.json"
DOCS = ROOT / "docs"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="few classes and rows; nothing is saved"
    )
    parser.add_argument(
        "--peer",
        action="append",
        choices=["none", *LIBRARIES],
        help="compare only with this library (repeatable); nothing is saved",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the random rows; other seeds than 0 look for new cases and save nothing",
    )
    parser.add_argument(
        "--breed",
        type=float,
        metavar="SECONDS",
        help="how long to search for worse rows; default 600, with --quick 0",
    )
    parser.add_argument(
        "--rows", type=Path, metavar="NPZ", help="save the rows that the search has found"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="compute nothing; report the saved run again"
    )
    options = parser.parse_args(arguments)
    if options.breed is None:
        options.breed = 0 if options.quick else 600
    return options


def hunted(options: argparse.Namespace) -> Iterator[Problem]:
    """Yield the worst rows of the search, and save them at the end."""
    rows = {}
    for name, problem in breeding.hunts(options.breed, seed=options.seed):
        row = problem.logits[0]
        rows[f"{name}; {len(row)}"] = row.astype(np.float32) if row.itemsize < 4 else row
        yield problem
    if options.rows:
        np.savez_compressed(options.rows, **rows)


def compare(names: list[str], options: argparse.Namespace) -> Campaign:
    """Solve every problem with every library, and compare the results with exact values."""
    drawn = problems(quick=options.quick, seed=options.seed)
    if options.breed:
        drawn = chain(drawn, hunted(options))
    tally, compared, begin, seen = Tally(), 0, time.monotonic(), 0
    with Processes(names) as processes:
        for problem in drawn:
            if problem.num_classes != seen:
                seen = problem.num_classes
                text = f"{time.monotonic() - begin:5.0f} s  {seen:,} classes"
                print(text, file=sys.stderr, flush=True)
            tasks = processes.start(results_of, problem)
            truths = list(ExactProblem(problem).truths())
            for name, results in processes.outcomes(tasks):
                count = tally.add(name, problem, comparisons(problem, truths, results))
                compared += count * (name == OURS)
        return campaign(tally, compared, processes.details, processes.failures)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.redraw:
        run = load(SAVED)
    else:
        try:
            run = compare(installed(LIBRARIES, options.peer), options)
        except OursFailed as failure:
            print(failure, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
    print(f"{report.summary(run)}\n\n{report.standing(run)}\n{report.heading(run)}")
    if not (options.quick or options.peer or options.seed):  # a part never replaces the figures
        run.save(SAVED)
        (DOCS / "accuracy.md").write_text(report.page(run), encoding="utf-8")
        picture.draw(run, DOCS / "accuracy.png")
    for name, text in run.failures.items():
        print(f"{name} failed, and its later results are missing: {text}", file=sys.stderr)
    exceeded = run.exceeded(OURS)
    for record in exceeded:
        print(f"exceeds its bound: {record.case}", file=sys.stderr)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
