"""Sums of comparisons: any split of the rows, added in any order, has the bits of the whole."""

import functools
import operator
import re

import numpy as np
import pytest

from evaluations import attributes
from smoothxent import Evaluation, compare

SETTINGS = [{}, {"label_smoothing": 0.1, "top_k": (3,), "num_bins": 4, "temperature": (1.0, 2.0)}]
IDS = np.arange(200) * 7 % 40  # parts share groups
GROUPS = [{"groups": IDS}, {"groups": np.array(["", "漢字", *map(str, range(38))])[IDS]}]


@pytest.fixture
def rows(rng):
    """Return logits of two classifiers, labels and weights; some rows are special."""
    a = rng.normal(0, 3, (200, 9))
    b = a + rng.normal(0, 1, a.shape) * rng.choice([1e-9, 0.1, 3], (200, 1))
    labels = rng.integers(0, 9, 200)
    labels[::11] = -1
    return a, b, labels, rng.exponential(size=200) * rng.choice([0, 1e-9, 1, 1e9], 200)


def compared(rows, chosen, weighted, settings):
    a, b, labels, weights = (each[chosen] for each in rows)
    options = {"sample_weight": weights} if weighted else {}
    if "groups" in settings:
        options["groups"] = settings["groups"][chosen]
        settings = {}
    return compare(a, b, labels, ignore_index=-1, names=("x", "y"), **settings, **options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", [*SETTINGS, *GROUPS], ids=["", "settings", "numbers", "names"])
@pytest.mark.parametrize("special", [None, np.nan, -np.inf])
def test_merging_any_split_in_any_order_gives_the_same_bits(rng, rows, weighted, settings, special):
    if special is not None:
        rows[0][7, 2] = rows[1][50, rows[2][50]] = special
    whole = compared(rows, slice(None), weighted, settings)
    part_of = rng.integers(0, 5, 200)
    parts = [compared(rows, part_of == part, weighted, settings) for part in (3, 0, 4, 1, 2)]
    parts.append(compared(rows, slice(0), weighted, settings))
    merged = functools.reduce(operator.add, parts)
    pairwise = (parts[0] + parts[1]) + (parts[2] + (parts[3] + parts[4]))
    backwards = compared(rows, slice(None, None, -1), weighted, settings)
    nothing = compared(rows, slice(0), weighted, {} if "groups" in settings else settings)
    for comparison in (merged, pairwise, backwards, sum(parts), nothing + whole, whole + nothing):
        assert comparison == whole
        assert hash(comparison) == hash(whole)
        assert attributes(comparison) == attributes(whole)
        assert comparison.to_dict() == whole.to_dict()


SAME = "must be the same in comparisons that are added"
EQUAL = "must be the same in evaluations that are added"
REMEDY = "if they mean the same, use rename"


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"temperature": (1.0, 2.0)}, f"temperature of B {EQUAL}, got 1.0 and 2.0"),
        ({"softcap": (3.0, None)}, f"softcap of A {EQUAL}, got None and 3.0"),
        ({"top_k": (3,)}, f"top_k {EQUAL}, got (1, 5) and (1, 3)"),
        ({"names": ("B", "A")}, f"names {SAME}, got ('A', 'B') and ('B', 'A'); {REMEDY}"),
    ],
)
def test_comparisons_of_unequal_settings_are_not_added(rows, settings, message):
    a, b, labels, _ = rows
    first = compare(a, b, labels, ignore_index=-1)
    other = compare(a, b, labels, ignore_index=-1, **settings)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        first + other
    assert other + other == sum([other, other])


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize("other", [1, 0.0, False, None, "0", Evaluation.empty()])
def test_nothing_else_is_added_to_a_comparison(rows, other):
    comparison = compare(*rows[:2], abs(rows[2]))
    with pytest.raises(TypeError):
        comparison + other
    with pytest.raises(TypeError):
        other + comparison


def test_renamed_comparisons_are_added(rows):
    a, b, labels, _ = rows
    first = compare(a, b, labels, ignore_index=-1, names=("monday", "int8"))
    other = compare(a, b, labels, ignore_index=-1, names=("tuesday", "int8"))
    names = "base", "int8"
    total = first.rename(names) + other.rename(names)
    assert total.names == names
    assert total.a.count == 2 * first.a.count
    assert first.names == ("monday", "int8")
    assert first.rename(names) != first
    assert first.rename(("monday", "int8")) == first
