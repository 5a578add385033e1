"""The search for the temperature with the least mean nll; each step is one read of the logits.

With β = 1 / temperature, z = β x and p = softmax(z), the mean nll f(β) = mean(lse(z) - z_y) is
convex, and its derivative is

    f'(β) = mean(E_p[x] - x_y) = (f - H) / β,        H = mean(lse(z) - E_p[z]), the mean entropy.

So each evaluation gives value and slope: in t = log β the slope is f - H, and the minimum is where
mean nll and mean entropy are equal. H is also the intercept of the tangent at β, and falls from the
logarithm of the number of classes at β = 0 to that of the ties at β = inf.

Between reads, f is modelled by a hyperbola with this value L at β = 0, L √(1 + (β/b)²) + m β, whose
entropy is L / √(1 + (β/b)²). One read determines b and m, and so a guess of the minimum. The
distance from t to the guess is 0 at the true minimum, and nearly linear in t. Its root is found by
inverse quadratic interpolation of the last three reads, within the bracket of the slopes' signs.

Reads to the end, over 144 data sets (digits, wine, breast cancer and iris with logistic regression
and networks; drawn logits of 2 to 1000 classes, temperatures from 0.05 to 20, rows of very unequal
scales, random labels, one wrong row): 4.5 on average, at most 7. Over 1500 data sets of 20 to 600
rows, drawn to be hard: 5.1 on average, at most 8 for 98 %, at most 14, where most classes have
logits of -inf. The secant of the slope in t, after the same second read, needs 6.2 on average and
up to 11 on the 144 sets.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from smoothxent._arguments.options import LEAST_SCALE, MOST_SCALE
from smoothxent._calibration.temperature import Bound, Temperature
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.table import counts
from smoothxent._reports.numbers import plural

# The targets of each read: label_smoothing, prior and class_weight.
LABELS_ONLY = (0.0, None, None)

# The search ends when the next step would lower the nll by less than this share of it, which is far
# below the rounding errors of float32. The error of the temperature is about the square root.
LEAST_DECREASE = 2.0**-33
FARTHEST = math.log(8)  # a step towards lower temperatures, while no read is beyond the minimum
DIGITS = 8  # of each temperature, so that a printed temperature is the one of its evaluation
# The rounding errors of a mean nll and a mean entropy of float32 logits are below this share.
ROUNDING = 2.0**-20
# At this part of the lower bound the nll is huge, unless it has no minimum.
TINY = 1e-6
# Where nll and entropy are flat, a temperature this many times lower is still above the minimum.
FLAT_STEP = 2.0**-9


class Read(NamedTuple):
    """The evaluation at one temperature, exp(-t)."""

    t: float
    nll: float
    entropy: float
    evaluation: Evaluation

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        t = -math.log(evaluation.temperature)
        return cls(t, evaluation.nll, evaluation.entropy, evaluation)

    @property
    def slope(self) -> float:
        """The derivative of the nll by t."""
        return self.nll - self.entropy

    @property
    def rises(self) -> bool:
        """Whether the nll rises with t, beyond rounding errors."""
        return not self.slope <= ROUNDING * self.nll

    def distance(self, entropy_at_zero: float) -> float:
        """Return the difference of t from the read to the minimum of its hyperbola.

        It is inf or -inf if the hyperbola has no minimum, nan if no hyperbola has this entropy.
        """
        if not self.entropy:  # to where the line through 0 and f has this value
            return math.log(entropy_at_zero / self.nll) if self.nll else 0.0
        if self.entropy >= entropy_at_zero:
            return math.nan
        secant = entropy_at_zero / self.entropy  # √(1 + u²), with u = β / b
        squares = (entropy_at_zero - self.entropy) * (entropy_at_zero + self.entropy)
        u = math.sqrt(squares) / self.entropy
        ratio = (secant - self.nll / entropy_at_zero) / u  # -m b / L = u / √(1 + u²) at the minimum
        if not 0 < ratio < 1:
            return math.copysign(math.inf, ratio)
        return math.log(ratio / u) - math.log1p(-(ratio**2)) / 2


def fit(
    first: Evaluation,
    evaluate_at: Callable[[float], Evaluation],
    num_classes: int,
    bounds: tuple[float, float],
) -> Temperature:
    """Return the temperature within the bounds that has the least nll.

    first: the evaluation at temperature 1, which lies within the bounds.
    """
    _check_rows(first)
    low, high = bounds
    reads, skipped, name = _start(Read.of(first), evaluate_at, bounds)
    if name:
        return Temperature(first, reads[-1].evaluation, skipped + 1, name)
    names: dict[float, Bound] = {low: "lower", high: "upper"}
    at_bounds = {-math.log(each): each for each in bounds}
    hottest, coldest = sorted(at_bounds)

    while True:
        last = reads[-1]
        _check_finite(last.evaluation)
        if (last.slope <= 0 and last.t >= coldest) or (last.slope >= 0 and last.t <= hottest):
            break
        t = min(max(_next(reads, math.log(num_classes)), hottest), coldest)
        rounded = float(f"{math.exp(-t):.{DIGITS}g}")
        temperature = at_bounds.get(t, min(max(rounded, low), high))
        is_known = any(temperature == each.evaluation.temperature for each in reads)
        is_near = abs(last.slope * (t - last.t)) <= LEAST_DECREASE * last.nll
        if is_known or (is_near and t not in at_bounds):
            break
        reads.append(Read.of(evaluate_at(temperature)))
    count = skipped + len(reads)
    if not any(each.rises for each in reads):
        count += 1
        if not Read.of(evaluate_at(TINY * low)).rises:
            raise _always_right()
    found = reads[-1].evaluation
    return Temperature(first, found, count, names.get(found.temperature))


def _next(reads: Sequence[Read], most_entropy: float) -> float:
    """Return the t of the next read; without a bracket it may lie outside the bounds."""
    last = reads[-1]
    low = max((each for each in reads if each.slope < 0), default=None)
    high = min((each for each in reads if each.slope >= 0), default=None)
    if low and high:
        limit = _entropy_at_zero(low, high, most_entropy)
        guesses = (_interpolated(reads[-3:], limit), last.t + last.distance(limit))
        inside = (t for t in guesses if low.t < t < high.t)
        return next(inside, (low.t + high.t) / 2)
    sign = 1 if low else -1
    step = sign * (_interpolated(reads[-2:], most_entropy) - last.t)
    if not step > 0:
        step = math.inf
    if low:
        step = min(step, FARTHEST)
    elif last.nll > 8 * most_entropy:  # by then the line from L at β = 0 has come down to near L
        step = min(step, math.log(8 * last.nll / most_entropy))
    return last.t + sign * step


def _start(
    first: Read, evaluate_at: Callable[[float], Evaluation], bounds: tuple[float, float]
) -> tuple[list[Read], int, Bound | None]:
    """Return reads to start from, how many were left out, and the bound that the last is, if known.

    Logits near 0 have the nll of T = inf at T = 1, but for rounding errors, and its slope too. Such
    flat reads are left out; the temperature falls until the entropy does.
    """
    if abs(first.slope) > ROUNDING * first.nll or not math.isfinite(first.entropy):
        return [first], 0, None
    low, high = bounds
    reads = [first]
    while len(reads) == 1 or reads[-1].entropy >= (1 - ROUNDING) * first.entropy:
        temperature = reads[-1].evaluation.temperature
        least = low if temperature > low else LEAST_SCALE
        if temperature > LEAST_SCALE:
            reads.append(Read.of(evaluate_at(max(temperature * FLAT_STEP, least))))
        if temperature <= LEAST_SCALE or math.isnan(reads[-1].entropy):  # x / T overflows
            raise _no_minimum(first.evaluation, evaluate_at(MOST_SCALE))
    if len(reads) == 2 and 2 * reads[-1].entropy < first.entropy:  # a minimum at T = 1
        return reads[::-1], 0, None
    if reads[-1].evaluation.temperature >= low:
        return reads[-1:], len(reads) - 1, None
    name: Bound = "lower" if reads[-1].nll < first.nll else "upper"
    return [Read.of(evaluate_at(low if name == "lower" else high))], len(reads), name


def _entropy_at_zero(low: Read, high: Read, most_entropy: float) -> float:
    """Return L of a hyperbola with the entropies of both reads, where it is below `most_entropy`.

    It is far below if many classes have logits of -inf. L² = H² (1 + (β / b)²) for both.
    """
    share = math.exp(low.t - high.t)  # of the two β
    scaled = share * low.entropy / high.entropy if high.entropy else math.inf
    if share >= 1 or scaled >= 1:  # no hyperbola has these entropies
        return most_entropy
    return min(low.entropy * math.sqrt((1 - share**2) / (1 - scaled**2)), most_entropy)


def _interpolated(reads: Sequence[Read], entropy_at_zero: float) -> float:
    """Return the t at which the distance to the minimum of the hyperbola is 0, by interpolation."""
    last = reads[-1]
    distance = last.distance(entropy_at_zero)
    points = {each.distance(entropy_at_zero): each.t - last.t for each in reads}
    finite = [each for each in points if math.isfinite(each)]
    if len(finite) == 1 or not math.isfinite(distance):
        return last.t + distance
    # The polynomial with the value t at each distance (Lagrange), at 0.
    return last.t + sum(
        points[each] * math.prod(other / (other - each) for other in finite if other != each)
        for each in finite
    )


def _check_rows(evaluation: Evaluation) -> None:
    """Raise if there are no rows, or if the nll has no minimum."""
    if not evaluation.count:
        raise ValueError(f"labels must have at least one row, got {counts(evaluation)}")
    if not evaluation.weight:
        raise ValueError("sample_weight must be positive for at least one row, got a sum of 0")
    totals = evaluation._totals
    if totals.hits[0] == totals.sums.weight:
        raise _always_right()


def _no_minimum(first: Evaluation, hot: Evaluation) -> ValueError:
    """Return the error for labels that are always right or tied; `hot`: at a huge temperature."""
    if abs(hot.nll - first.nll) > ROUNDING * first.nll:
        return _always_right()
    rule = "logits must differ within some row"
    return ValueError(f"{rule}, got an nll that is the same at all temperatures")


def _always_right() -> ValueError:
    return ValueError(
        "labels must not have the largest logit in every row, got an nll that falls for ever as "
        "the temperature goes to 0; fit on more rows, which the classifier was not trained on"
    )


def _check_finite(evaluation: Evaluation) -> None:
    """Raise if a row makes the mean nll or the mean entropy nan or inf."""
    if math.isfinite(evaluation.nll) and math.isfinite(evaluation.entropy):
        return
    remedy = "give such rows a label that is ignore_index"
    if not evaluation.nan_rows:
        raise ValueError(f"labels must have logits above -inf, got an infinite nll; {remedy}")
    is_divided = evaluation.temperature != 1
    where = f" after division by {evaluation.temperature:g}" if is_divided else ""
    found = f"{plural(evaluation.nan_rows, 'row')} with nan or +inf, or only -inf"
    raise ValueError(f"logits must be finite{where}, got {found}; {remedy}")
