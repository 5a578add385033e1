"""Options of `pytest bench/speed`, and the order of its measurements: by contender."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers import default_threads

from .cases import selected
from .contenders import CONTENDERS, takes


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "smoothxent benchmarks")
    group.addoption(
        "--contender",
        action="append",
        choices=[c.name for c in CONTENDERS],
        help="time only this contender (repeatable)",
    )
    group.addoption("--bench-quick", action="store_true", help="few shapes, short measurements")
    group.addoption(
        "--bench-threads",
        type=int,
        default=default_threads(),
        help="threads of every contender that has threads",
    )
    group.addoption(
        "--bench-truth",
        type=Path,
        default=None,
        help="folder for the float64 results, shared by several processes",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Sort by contender: a thread pool starts only when earlier thread pools are idle."""
    if "contender_class" not in metafunc.fixturenames:
        return
    wanted = metafunc.config.getoption("--contender")
    pairs = selected(quick=metafunc.config.getoption("--bench-quick"))
    metafunc.parametrize(
        ("contender_class", "group", "case"),
        [
            pytest.param(contender, group, case, id=f"{contender.name}-{group}-{case.id}")
            for contender in CONTENDERS
            if contender.installed() and (not wanted or contender.name in wanted)
            for group, case in pairs
            if takes(contender, group, case)
        ],
    )
