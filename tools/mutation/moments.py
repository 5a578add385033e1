"""Mutants of what row statistics hold for an evaluation alone: rank, moments, the highest logit."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/statistics/rank.h",
        (
            "counts_equals ? where_less(v, limit, zero, one)",
            "counts_equals ? where_less(limit, v, one, zero)",
            "equals before the label do not beat it",
        ),
        (
            ": where_less(limit, v, one, zero);",
            ": where_less(v, limit, zero, one);",
            "equals after the label beat it",
        ),
        (
            "beat = where_less(numbers, splat((real)(count - k)), beat, zero);",
            "(void)numbers;",
            "what pads the last lanes beats a label below 0",
        ),
        (
            "rank < rank_limit; k +=",
            "rank < rank_limit - 1; k +=",
            "the rank next to the largest k",
        ),
        ("        rank += count_above", "        rank = count_above", "the last stretch alone"),
        (
            "label < 0 ? 0 : label, after",
            "label < 0 ? 0 : label + 1, after",
            "the label beats itself",
        ),
        (
            "label < 0 ? 0 : label, after",
            "label < 0 ? count : label, after",
            "tiles after the label's are counted twice",
        ),
        (
            "before = after = count;",
            "before = count, after = 0;",
            "tiles before the label's are counted twice",
        ),
        (
            "where_less(number, labels, equal, splat(0))",
            "where_less(labels, number, equal, splat(0))",
            "few classes: equals after the label beat it",
        ),
        (
            "where_less(logits, x, add(beats, one), beats)",
            "where_less(x, logits, add(beats, one), beats)",
            "ranks from below",
        ),
    ),
    *mutants_of(
        "ext/statistics/rank.pxi",
        (
            "not group.anchor_logit[i] > group.highest[i]",
            "not group.anchor_logit[i] >= group.highest[i]",
            "an equal of a lower class does not beat the label",
        ),
        ("labels[i] = <real> group.label[i]", "labels[i] = <real> group.anchor[i]", "ties of top"),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        ("highest >= label_logit", "highest > label_logit", "equals in another tile"),
        (
            " or (0 <= tile.left_out < count and statistics.anchor != label)",
            "",
            "the top beats a label in its tile",
        ),
        ("distance * sum_exp if factor", "-distance * sum_exp if factor", "moments move"),
        ("square[0] *= factor * factor", "square[0] *= factor", "squares to a new reference"),
        ("term * distance if term != 0.0 else 0.0", "term * distance", "0 times inf"),
        ("square[0] += term * term", "square[0] += term", "squares of large logits"),
        (
            "            add_moments(&sums.moments, &sums.squares, term, z + low)\n",
            "",
            "moments of large logits",
        ),
        (
            "tile.x, count, label - start, label_logit",
            "tile.x, count, label, label_logit",
            "equals in later tiles",
        ),
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        ("    row.moment += other.moment\n", "", "moments of later segments"),
        ("    row.square += other.square\n", "", "squares of later segments"),
        ("    row.rank += other.rank\n", "", "rank in later segments"),
        (
            "    if other.highest > row.highest:\n",
            "    if True:\n",
            "confidence by the last segment alone",
        ),
        (
            "        add_moments(&row.moment, &row.square, term, z + low)\n",
            "",
            "moments of the top of an earlier segment",
        ),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        ("distance * sum_exp if factor != 0.0 else 0.0", "distance * sum_exp", "huge distances"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/reference.pxi",
        ("return distance + low", "return distance", "gaps to references of two forms"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        (
            "        row.highest = max(row.highest, other.anchor_logit)\n",
            "",
            "the top of another segment: the row's own is the largest of all",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/statistics/few_classes.h",
        (
            "where_less(s->anchor_logits, x, number, s->anchors)",
            "where_less(x, s->anchor_logits, s->anchors, number)",
            "the last of equals is the top",
        ),
        (
            "maximum(minimum(x, s->anchor_logits), s->highest)",
            "maximum(x, s->highest)",
            "the top is among the others",
        ),
    ),
    *mutants_of(
        "ext/statistics/short_rows.h",
        (
            "wide_sum(sums.squares), row_highest);",
            "wide_sum(sums.squares), *highest);",
            "confidence by the next row",
        ),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        (
            "distance = sub(maximum(m->exp.least, x[j]), m->near)",
            "distance = maximum(m->exp.least, x[j])",
            "moments to 0, not to the reference",
        ),
        ("    s->moments = s->squares = splat(0);", "", "moments are flushed twice"),
        ("fused(exp, exp, squares) :", "fused(exp, splat(1), squares) :", "squares"),
    ),
]
