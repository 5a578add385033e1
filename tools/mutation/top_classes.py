"""Mutants of the top classes of rows, and of row statistics that a head computes block by block."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/statistics/top_classes.h",
        (
            "top->logits[i - 1] < x; i--",
            "top->logits[i - 1] <= x; i--",
            "of equal logits the higher class is first",
        ),
        (
            "if (is_full(top) && !(smallest(top) < x)) return;",
            "if (is_full(top) && smallest(top) > x) return;",
            "an equal logit takes the place of a lower class",
        ),
        (
            "if (is_full(top) && !(smallest(top) < highest)) return;",
            "if (!(smallest(top) < highest)) return;",
            "tiles without a larger logit do not fill the list",
        ),
        ("first + j", "j", "classes are counted within a tile"),
        ("i < later->count", "i < 1", "a segment has one top class"),
        (
            "if (k >= size && !any_less(load(logits + (size - 1) * LANES), x)) continue;",
            "if (k >= size) continue;",
            "the first classes are the top classes",
        ),
        ("j = k < size ? k : size;", "j = k < size ? k : size - 1;", "a full list loses its last"),
        (
            "store(classes + j * LANES, where_less(y, x, of_y, of_x));",
            "store(classes + j * LANES, of_y);",
            "classes of other logits",
        ),
    ),
    *mutants_of(
        "ext/results/metrics.pxi",
        ("top.classes[j] = -1", "top.classes[j] = 0", "nan has top classes"),
        (
            "<real> ((top.logits[j] - top_logit) - nll)",
            "<real> (top.logits[j] - <real> (top_logit + nll))",
            "log-probabilities near 0 lose their digits",
        ),
    ),
    *mutants_of(
        "ext/run/segments.pxi",
        ("        top.count = 0\n", "", "later rows find the lists of earlier ones"),
        (
            "join_top_classes(&top, rows.top + i * segments + segment)",
            "join_top_classes(&top, rows.top + i * segments)",
            "the first segment has all top classes",
        ),
        (
            "of_row = top_of_row(call, row, segment * SEGMENT)",
            "of_row = top_of_row(call, row, 0)",
            "each block of a head begins a new list",
        ),
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        (
            "        row.anchor_logit = NAN\n",
            "        pass\n",
            "nan in one segment, inf in another",
        ),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        ("        statistics.anchor_logit = NAN ", "        pass ", "nan and inf in a segment"),
    ),
    *mutants_of(
        "src/smoothxent/_linear/labelled_head.py",
        ("            if clears_ignored:\n", "            if True:\n", "ignored rows are zeros"),
    ),
]
