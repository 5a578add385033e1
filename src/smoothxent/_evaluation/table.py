"""The tables of an evaluation."""

from smoothxent._evaluation.metrics import MEANS, MOST_SHOWN, Metrics
from smoothxent._reports.numbers import measured, number, plural
from smoothxent._reports.report import Section
from smoothxent._totals.exact import Exact
from smoothxent._totals.means import Means

BAR_WIDTH = 32
EIGHTHS = " ▏▎▍▌▋▊▉"


def title(metrics: Metrics) -> str:
    """Return the title of the tables."""
    return f"Evaluation of {rows(metrics)}"


def rows(metrics: Metrics) -> str:
    """Return the numbers of rows and groups and the unit of losses, for a title."""
    units = "; losses in nats" if metrics.groups is None else "\nlosses in nats, errors by group"
    return f"{counts(metrics)}{units * bool(metrics.count)}"


def line(metrics: Metrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics."""
    shown = counts(metrics)
    if metrics.count:
        shown += f", nll {number(metrics.nll)}, accuracy {number(metrics.accuracy)}"
    return f"Evaluation({shown})"


def counts(metrics: Metrics) -> str:
    """Return how many rows are counted, in how many groups, and how many are ignored."""
    groups = "" if metrics.groups is None else f" in {plural(len(metrics.groups), 'group')}"
    ignored = f", {metrics.ignored:,} more ignored" if metrics.ignored else ""
    return f"{plural(metrics.count, 'row')}{groups}{ignored}"


def sections(metrics: Metrics, interval: float | None) -> list[Section]:
    """Return the metrics, the groups, the bins and the classes, if there are rows."""
    if not metrics.count:
        return []
    shown = [Section(_lines(metrics, interval), has_notes=True)]
    if metrics.groups is not None:
        shown += metrics.groups._sections()
    shown += _bins(metrics)
    if metrics.classes is not None:
        shown += metrics.classes._sections()
    return shown


def _lines(metrics: Metrics, interval: float | None) -> list[tuple[str, str, str]]:
    """Return name, number, and standard error or note of each metric."""

    def mean(name: str) -> tuple[str, str, str]:
        return label(name), *with_error(metrics, name, interval)

    nll = mean("nll")
    settings = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else name
        for name, value in metrics._totals.settings.changed().items()
    )
    # Compared as text, because nan != nan.
    if str(metrics.loss) == str(metrics.nll) and not settings:
        shown = [("loss (nll)", *nll[1:])]
    else:
        shown = [("loss", number(metrics.loss), settings), nll]
    shown += [
        ("perplexity", number(metrics.perplexity), ""),
        mean("accuracy"),
        *(mean(f"top_{k}") for k in metrics.top_k if k != 1),
        *(mean(name) for name in MEANS if name not in ("nll", "accuracy")),
        ("calibration error", number(metrics.calibration_error), plural(len(metrics.bins), "bin")),
    ]
    if (groups := metrics.groups) is not None:
        shown += [
            (f"{label(name)}, mean of groups", number(getattr(groups, f"macro_{name}")), "")
            for name in ("nll", "accuracy", "brier")
        ]
    if (classes := metrics.classes) is not None:
        shown.append(("balanced accuracy", number(classes.balanced_accuracy), ""))
        shown.append(("macro F1", number(classes.macro_f1), ""))
    if metrics.nan_rows:
        shown.append(("nan rows", f"{metrics.nan_rows:,}", "hold nan or +inf, or only -inf"))
    if metrics._totals.looks_like_probabilities:
        shown.append(("warning", "", "logits look like probabilities; use np.log(p)"))
    if is_weighted(metrics):
        shown.append(("weight", number(metrics.weight), ""))
    return shown


def label(name: str) -> str:
    """Return the name of a metric in tables."""
    if name.startswith("top_"):
        return f"top-{name.removeprefix('top_')} accuracy"
    return MEANS.get(name, name.replace("_", " "))


def is_weighted(metrics: Metrics) -> bool:
    """Whether a sample weight is not 1: only weights of 1 have both sums."""
    sums = metrics._totals.sums
    return not sums.weight == sums.weight_square == Exact(metrics.count, 0)


def with_error(
    result: Means, name: str, interval: float | None, sign: str = "", factor: int = 1
) -> tuple[str, str]:
    """Return a mean, and its standard error or its interval; "" if that is nan or of size 0.

    Numbers are multiplied by the factor, 1 or -1, and have a sign if `sign` is "+".
    """
    mean, stderr = result._measured(name)
    low, high = (0.0, 0.0) if interval is None else result.interval(name, interval)
    if not low < high:
        return measured(factor * mean, stderr, sign)
    half = (high - low) / 2
    shown, *ends = (measured(factor * each, half, sign)[0] for each in (mean, low, high))
    return shown, " to ".join(ends[::factor])


def _bins(metrics: Metrics) -> list[Section]:
    """Return the table of the bins with rows, unless there are too many bins."""
    bins = metrics.shown_bins()
    if len(bins) > MOST_SHOWN:
        return []
    most = max(each.count for each in bins)
    cells = [
        (
            f"{each.low:.2f}–{each.high:.2f}",
            f"{each.confidence:.3f}",
            f"{each.accuracy:.3f}",
            f"{round(each.accuracy - each.confidence, 3) + 0.0:+.3f}".replace("+nan", "nan"),
            f"{each.count:,}",
            _bar(each.count / most),
        )
        for each in bins
        if each.count
    ]
    head = ("confidence", "mean", "accuracy", "gap", "rows", "")
    return [Section(cells, head, has_notes=True)] if cells else []


def _bar(share: float) -> str:
    """Return a bar, in steps of an eighth of a column; a share above 0 is always visible."""
    full, eighths = divmod(max(1, round(8 * BAR_WIDTH * share)), 8)
    return "█" * full + EIGHTHS[eighths].strip()
