"""What is said about a run: figures as text, and the tables made of them."""

from __future__ import annotations

from dataclasses import dataclass

from .cases import EVALUATION, GROUPS, LOSS, Case
from .contenders import OURS
from .records import Record, Run

BEHIND = "▼"  # marks a peer that is faster


@dataclass(frozen=True)
class Table:
    """The first column names the shape; the others hold figures."""

    title: str
    header: list[str]
    rows: list[list[str]]


def aligned(rows: list[list[str]], left: int = 1) -> str:
    """Write rows in columns, the first ones flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def seconds_text(seconds: float) -> str:
    """Write three digits with the unit that suits: 1.23 ms."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit, scale = next((u for u in units.items() if seconds >= u[1]), ("µs", 1e-6))
    return f"{_three_digits(seconds / scale)} {unit}"


def rate_text(rate: float) -> str:
    """Write three digits with k, M or G: 624 k."""
    units = {"G": 1e9, "M": 1e6, "k": 1e3}
    unit, scale = next((u for u in units.items() if rate >= u[1]), ("", 1.0))
    return f"{_three_digits(rate / scale)} {unit}".rstrip()


def _three_digits(value: float) -> str:
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.{2 if ratio < 1 else 1 if ratio < 9.95 else 0}f}x"


def limit_text(run: Run, case: Case) -> str:
    """Write how much of the limit is reached, and which limit it is."""
    fraction, limit = run.fraction(case), run.limit(case)
    return f"{fraction:.0%} of {limit.group.split()[0]}" if fraction and limit else "-"


def compared_text(run: Run, theirs: Record | None, case: Case) -> str:
    """Write their time, and how many times ours it is."""
    if theirs is None:
        return "-"
    time, ratio = seconds_text(theirs.median_s), run.ratio(theirs.group, case, theirs.contender)
    if ratio is None:
        return time
    behind = ratio < 1 and not theirs.contender.startswith(OURS)
    return f"{time} ({ratio_text(ratio)}{f' {BEHIND}' * behind})"


def fastest_text(run: Run, group: str, case: Case) -> str:
    fastest = run.fastest_peer(group, case)
    return f"{fastest.contender}, {compared_text(run, fastest, case)}" if fastest else "-"


def tables(run: Run) -> list[Table]:
    of_groups = [table(run, group) for group in run.groups() for table in (own_table, peers_table)]
    return of_groups + [evaluation_table(run)] * bool(run.cases(EVALUATION))


def own_table(run: Run, group: str) -> Table:
    header = ["rows x classes", "median", "min", "elements/s", "GB/s"]
    header += ["of the limit"] * (group == LOSS) + ["fastest peer"]
    rows = []
    for case in run.cases(group):
        ours = run.find(group, case, OURS)
        row = (
            ["-"] * 4
            if ours is None
            else [
                seconds_text(ours.median_s),
                seconds_text(ours.min_s),
                rate_text(ours.elements_per_s),
                _three_digits(ours.gb_per_s),
            ]
        )
        row += [limit_text(run, case)] * (group == LOSS) + [fastest_text(run, group, case)]
        rows.append([case.label, *row])
    return Table(f"{group.capitalize()}: smoothxent", header, rows)


def peers_table(run: Run, group: str) -> Table:
    others = [name for name in run.contenders(group) if name != OURS]
    rows = [
        [case.label, *(compared_text(run, run.find(group, case, name), case) for name in others)]
        for case in run.cases(group)
    ]
    title = f"{group.capitalize()}: the others, and how many times as long they take"
    return Table(title, ["rows x classes", *others], rows)


def evaluation_table(run: Run) -> Table:
    rows = []
    for case in run.cases(EVALUATION):
        every, loss = (run.find(group, case, OURS) for group in (EVALUATION, LOSS))
        if every and loss:
            ratio = ratio_text(every.median_s / loss.median_s)
            rows.append([case.label, *map(seconds_text, (loss.median_s, every.median_s)), ratio])
    title = "Evaluation: every metric, and how many times as long as the loss alone it takes"
    return Table(title, ["rows x classes", "loss", "evaluate", "evaluate / loss"], rows)


def readme_tables(run: Run) -> list[Table]:
    """Short ones: the headline shapes, the fastest peer standing for all."""
    return [_readme_table(run, group) for group in run.groups()]


def _readme_table(run: Run, group: str) -> Table:
    header = ["rows x classes", OURS]
    header += ["GB/s", "of the limit"] if group == LOSS else [f"{OURS} grad_out"]
    header += ["PyTorch", "fastest peer"]
    rows = []
    for case in run.cases(group):
        ours = run.find(group, case, OURS)
        if ours is None or not case.headline:
            continue
        row = [case.label, seconds_text(ours.median_s)]
        if group == LOSS:
            row += [_three_digits(ours.gb_per_s), limit_text(run, case)]
        else:
            row += [compared_text(run, run.find(group, case, f"{OURS} grad_out"), case)]
        row += [
            compared_text(run, run.find(group, case, "PyTorch"), case),
            fastest_text(run, group, case),
        ]
        rows.append(row)
    return Table(group.capitalize(), header, rows)


def standing(run: Run) -> str:
    """Say in how many comparisons smoothxent is behind, and name each."""
    compared = [
        (ratio, f"{group}, {case.label}: {name} {ratio_text(ratio)}")
        for group in GROUPS
        for case in run.cases(group)
        for name in run.peers(group)
        if (ratio := run.ratio(group, case, name))
    ]
    behind = [text for ratio, text in sorted(compared) if ratio < 1]
    start = f"smoothxent is behind in {len(behind)} of {len(compared)} comparisons"
    return f"{start}{': ' if behind else ''}{'; '.join(behind)}."
