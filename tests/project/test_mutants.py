"""The rules of tools/mutation/ make mistakes in code only; the list of equivalent ones is true."""

import pytest
from tools.mutation import __main__ as driver
from tools.mutation.equivalent import EQUIVALENT
from tools.mutation.rules import mutants_of

from place import ROOT


def mistakes(text, path="src/x.py"):
    return {mutant.new.strip() for mutant in mutants_of(path, text + "\n")}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("if a < b:", {"if a <= b:", "if a >= b:", "if 1:", "if 0:"}),
        ("x = a - b", {"x = a + b", "x = a", "x = b"}),
        ("x = a if not b and c else d", {"x = a if b and c else d", "x = a if not b and 1 else d"}),
        ("x = f(a, 'b, c')", {"x = f('b, c', a)", "x = a", "x = 'b, c'"}),
        ("x = f(a, k=(b, c))", {"x = f(a)"}),
        ("x = min(a, 3)", {"x = max(a, 3)", "x = min(a, 4)", "x = min(a, 2)"}),
        ("    x.a += b", {"x.a -= b", "x.a = b", "pass"}),
        ("    f(a)  # why", {"f(-a)  # why", "pass"}),
        ("x = y.copy()", {"x = y"}),
    ],
)
def test_rules_make_these_mistakes(line, expected):
    assert expected <= mistakes(line)


@pytest.mark.parametrize(
    "line, expected",
    [
        ("    if (a || b) c = 1;", {"if (1 || b) c = 1;", "if (a || 0) c = 1;"}),
        ("    x = a ? b : c;", {"x = a ? b : b;", "x = a ? c : c;"}),
        ("    x = f(x,\n    a);", {";", "x = f(a, x);"}),
        ("    f(x); /* y < z */", {"; /* y < z */"}),
    ],
)
def test_rules_make_these_mistakes_in_headers(line, expected):
    assert expected <= mistakes(line, "ext/x.h")


@pytest.mark.parametrize(
    "path, text",
    [
        ("x.py", '"""Return a + b\n\nif not c < 1."""'),
        ("x.py", "x = 'a < 1'  # not 2 - 1"),
        ("x.py", "from a import min"),
        ("x.py", "Numbers: TypeAlias = int | float"),
        ("x.pxi", "cdef inline double f(double a, double b) noexcept nogil:"),
        ("x.py", "def f(a: int = 1, b: int | None = None) -> int:"),
        ("x.py", "    raise ValueError(a, b)"),
        ("x.h", "/* a < b,\n * if (1) */"),
        ("x.h", "#include <float.h>"),
        ("x.h", "LANES_FUNCTION void f(int a, int b) {"),
    ],
)
def test_rules_leave_texts_and_signatures_as_they_are(path, text):
    assert mistakes(text, path) == set()


def test_sample_is_of_its_seed_and_of_different_lines():
    path = "src/smoothxent/_files/shards.py"
    drawn = driver.sample(path, 9, "1")
    assert drawn == driver.sample(path, 9, "1")
    assert drawn != driver.sample(path, 9, "2")
    assert len({mutant.line for mutant in drawn}) == 9


def test_equivalent_mutants_are_mutants():  # delete the entry of a line that has changed
    paths = {path for path, _ in EQUIVALENT}
    keys = {(path, each.key) for path in paths for each in mutants_of(path, read(path))}
    assert EQUIVALENT.keys() - keys == set()


def read(path):
    return (ROOT / path).read_text()


def test_mutated_files_are_the_kernel_and_the_package_and_have_tests():
    assert {path.split("/")[0] for path in driver.sources()} == {"src", "ext"}
    assert {" ".join(driver.tests_of(path)) for path in driver.sources()} == set(
        driver.TESTS.values()
    )
    patterns = [pattern for names in driver.TESTS.values() for pattern in names.split()]
    assert [each for each in patterns if not [*(ROOT / "tests").glob(each)]] == []
