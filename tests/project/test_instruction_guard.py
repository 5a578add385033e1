"""The check of instruction counts: which changes it reports, and when it can't compare."""

import dataclasses

import pytest
from bench import instructions
from bench.counted import COUNTED
from bench.instructions import SAVED, CountingFailed, Figures, conclusion, load, table

FIRST, SECOND = (counted.name for counted in COUNTED[:2])
VERSIONS = {"compiler": "GCC 12.4.0", "Python": "3.11.7"}
BEFORE = Figures(VERSIONS, {FIRST: 10_000, SECOND: 200_000})


def figures(first, second=200_000, **versions):
    return Figures(VERSIONS | versions, {FIRST: first, SECOND: second})


@pytest.fixture
def saved(tmp_path):
    """Return the path of a file with BEFORE."""
    path = tmp_path / "figures.json"
    BEFORE.save(path)
    return path


def test_call_that_costs_over_three_percent_more_fails_and_is_named():
    text, status = conclusion(BEFORE, figures(10_301))
    assert status == 1
    assert text == (
        f"Over 3% more instructions: {FIRST}. Explain them in the commit message, and save the new "
        "counts: --save."
    )


@pytest.mark.parametrize("first", [1, 9_000, 10_000, 10_300])
def test_up_to_three_percent_more_and_anything_less_pass(first):
    text, status = conclusion(BEFORE, figures(first))
    assert (text, status) == ("No call needs over 3% more instructions than saved.", 0)


def test_gain_of_one_call_does_not_pay_for_another():
    assert conclusion(BEFORE, figures(5_000, 210_000))[1] == 1


def test_figures_of_other_versions_inform_only():
    text, status = conclusion(BEFORE, figures(20_000, Python="3.13.5"))
    assert status == 0
    assert text == (
        "Nothing was checked, because versions differ: Python 3.13.5, saved with 3.11.7. To check, "
        "save the counts of the previous commit: --save --figures FILE."
    )


def test_table_shows_saved_and_new_counts_by_call_row_and_logit():
    before = dataclasses.replace(BEFORE, instructions={FIRST: 10_000})
    assert table(before, figures(10_250)).splitlines() == [
        "call              saved      now   change  per row  per logit",
        "loss, 1 x 10     10,000   10,250  +2.50 %   10,250   1,025.00",
        "loss, 4,096 x 2       -  200,000      new       49      24.41",
    ]


def test_comparison_ends_with_the_conclusion(monkeypatch, capsys, saved):
    monkeypatch.setattr(instructions, "count", lambda: figures(10_400))
    assert instructions.main(["--figures", str(saved)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("Over 3% more instructions: ")
    assert load(saved) == BEFORE


def test_saving_replaces_the_figures_whatever_they_cost(monkeypatch, saved):
    monkeypatch.setattr(instructions, "count", lambda: figures(10_400))
    assert instructions.main(["--save", "--figures", str(saved)]) == 0
    assert load(saved) == figures(10_400)


def test_missing_figures_are_asked_for_before_anything_is_counted(capsys, tmp_path):
    path = tmp_path / "none.json"
    assert instructions.main(["--figures", str(path)]) == 2
    assert capsys.readouterr().err == f"{path} does not exist; write it with --save\n"


def test_missing_valgrind_is_named_and_nothing_is_saved(monkeypatch, capsys, saved):
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    assert instructions.main(["--save", "--figures", str(saved)]) == 2
    assert capsys.readouterr().err == "counting instructions needs valgrind: apt install valgrind\n"
    assert load(saved) == BEFORE


def test_count_of_a_dump_is_its_total(tmp_path):
    dump = tmp_path / "dump.2"
    dump.write_text("version: 1\nevents: Ir\nsummary: 12\n\nfn=(1)\n+3 12\n\ntotals: 12\n")
    assert instructions._total(dump) == 12
    dump.write_text("version: 1\n")
    with pytest.raises(CountingFailed, match=r"^dump\.2 has no totals$"):
        instructions._total(dump)


@pytest.mark.skipif(not SAVED.exists(), reason="a source distribution holds no saved figures")
def test_every_counted_call_has_its_saved_figure():
    assert list(load(SAVED).instructions) == [counted.name for counted in COUNTED]
