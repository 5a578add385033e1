"""The tables of a run, and the texts of their cells."""

from __future__ import annotations

from bench.figures import Table, rate_text, ratio_text, seconds_text, three_digits
from bench.peers import OURS
from bench.peers.peer import EVALUATION, GRADIENT, GROUPS, LOSS

from .cases import Case
from .records import Record, Run

BEHIND = "▼"  # marks a faster library
# The cases of the README.
README = {
    (name, "float32", 0.1)
    for name in ("call", "binary", "three", "digits", "hundred", "imagenet", "bert", "llama3")
}


def compared_text(run: Run, theirs: Record | None, case: Case) -> str:
    """Write the time of another library, and its ratio to the time of smoothxent."""
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
    losses = [table(run, group) for group in run.groups() for table in (own_table, peers_table)]
    return losses + [evaluation_table(run)] * bool(run.cases(EVALUATION))


def own_table(run: Run, group: str) -> Table:
    header = ["rows x classes", "median", "min", "elements/s", "GB/s", "fastest peer"]
    rows = []
    for case in run.cases(group):
        ours = run.find(group, case, OURS)
        row = (
            ["-"] * 4
            if ours is None
            else [
                seconds_text(ours.median_s),
                seconds_text(ours.min_s),
                rate_text(case.size / ours.median_s),
                three_digits(case.logits_bytes / ours.median_s / 1e9),
            ]
        )
        rows.append([case.label, *row, fastest_text(run, group, case)])
    return Table(f"{group.capitalize()}: smoothxent", header, rows)


def peers_table(run: Run, group: str) -> Table:
    others = [name for name in run.contenders(group) if name != OURS]
    rows = [
        [case.label, *(compared_text(run, run.find(group, case, name), case) for name in others)]
        for case in run.cases(group)
    ]
    title = f"{group.capitalize()}: other libraries, with their time relative to smoothxent"
    return Table(title, ["rows x classes", *others], rows)


def evaluation_table(run: Run) -> Table:
    rows = []
    for case in run.cases(EVALUATION):
        every, loss = (run.find(group, case, OURS) for group in (EVALUATION, LOSS))
        if every and loss:
            times = map(seconds_text, (loss.median_s, every.median_s))
            others = (
                compared_text(run, run.find(EVALUATION, case, name), case)
                for name in run.peers(EVALUATION)
            )
            rows.append([case.label, *times, ratio_text(every.median_s / loss.median_s), *others])
    title = "Evaluation: all metrics, with the time relative to the loss, and that of others to it"
    header = ["rows x classes", "loss", "evaluate", "evaluate / loss", *run.peers(EVALUATION)]
    return Table(title, header, rows)


def readme_table(run: Run) -> Table:
    """Return the short table of the README: some shapes, NumPy, and the fastest library."""
    header = ["rows x classes", "loss", "NumPy", "fastest peer", "loss + gradient", "NumPy"]
    header += ["fastest peer"]
    rows = []
    for case in run.cases(LOSS):
        if (case.name, case.dtype, case.label_smoothing) in README:
            cells = [
                cell
                for group in (LOSS, GRADIENT)
                if (ours := run.find(group, case, OURS))
                for cell in (
                    seconds_text(ours.median_s),
                    compared_text(run, run.find(group, case, "NumPy"), case),
                    fastest_text(run, group, case),
                )
            ]
            rows.append([case.label, *cells])
        if case.name == "digits" and (ours := run.find(EVALUATION, case, OURS)):
            numpy = compared_text(run, run.find(EVALUATION, case, "NumPy"), case)
            cells = [seconds_text(ours.median_s), numpy, fastest_text(run, EVALUATION, case)]
            rows.append([f"{case.label}, all metrics", *cells, *["-"] * 3])
    return Table("Speed", header, rows)


def standing(run: Run) -> str:
    """Return a sentence with all comparisons in which another library is faster."""
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
