"""How the tables write numbers: one rule for all results."""

import math


def number(value: float) -> str:
    """Return a number with four decimals, or in scientific notation if it is small or large."""
    if value == 0 or 0.001 <= abs(value) < 100_000:
        return f"{value:.4f}"
    return f"{value:.3e}"


def measured(value: float, stderr: float, sign: str = "") -> tuple[str, str]:
    """Return a value and "± " with its standard error, both rounded to the error's second digit.

    The error is "" if it is nan, or 0: equal rows of a sample make no mean certain. With `sign` "+"
    a value that is not negative has its sign, too.
    """
    if not (0 < stderr < math.inf and math.isfinite(value)):
        return signed(value) if sign else number(value), ""
    decimals = 1 - int(f"{stderr:.1e}".partition("e")[2])
    suffix = ""
    largest = max(abs(value), stderr)
    if not 0.0001 <= largest < 1_000_000:  # both with the power of ten of the larger one
        power = int(f"{largest:e}".partition("e")[2])
        value, stderr = value / 10.0**power, stderr / 10.0**power
        suffix, decimals = f"e{power:+03d}", decimals + power
    value, stderr = round(value, decimals) + 0.0, round(stderr, decimals)
    shown = max(0, decimals)
    return f"{value:{sign}.{shown}f}{suffix}", f"± {stderr:.{shown}f}{suffix}"


def signed(value: float) -> str:
    """Return a number with its sign."""
    return f"{'' if value < 0 or math.isnan(value) else '+'}{number(value)}"


def amount(weight: float) -> str:
    """Return a sum of weights, without decimals if it is an integer."""
    return f"{weight:,.0f}" if weight.is_integer() else number(weight)


def plural(count: int, noun: str) -> str:
    """Return a count and its noun."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending * (count != 1)}"
