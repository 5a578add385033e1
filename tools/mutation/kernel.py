"""Mutants of the kernel up to row statistics: formulas, bounds, comparisons, nan."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/lanes/compensated.pxi",
        (
            "return total.sum + (total.error if isfinite(total.error) else 0.0)",
            "return total.sum",
            "what sums of very many classes lack",
        ),
        dtype="float64",
    ),
    *mutants_of(
        "ext/lanes/exp.h",
        ("0x1p+0f, 0x1.000874p-1f", "0x1p+0f, 0x1.0008p-1f", "a coefficient of exp"),
        ("c = maximum(m.least, x)", "c = maximum(x, m.least)", "nan is the lowest logit"),
        (
            "mul(add(steps, splat((real)(STEPS * EXPONENT_BIAS)))",
            "mul(add(steps, splat((real)(STEPS * 27.0)))",
            "terms below 2**-27",
        ),
        (
            "STEP = (double)(real)0x1.62e42fefa39efp-1",
            "STEP = 0x1.62e42fefa39efp-1",
            "logits far from 0",
        ),
        ("LARGE_LOGIT = 0x1p+17", "LARGE_LOGIT = 0x1p+25", "logits too large for the lanes"),
    ),
    *mutants_of(
        "ext/lanes/pairs.h",
        (
            "fused(mul(w.low, splat(-0.5)), w.low, low)",
            "low",
            "where w is 1, the square of what a sum lacks is at most half an ulp of the log",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/lanes/pairs.h",
        ("add(square, step_errors(u))", "square", "the rounded powers of a row"),
        ("negative_fused(first, correction, first)", "first", "the low part of a sum in gradients"),
    ),
    *mutants_of(
        "ext/statistics/few_classes.h",
        (
            "s->gaps_lost = add(s->gaps_lost, sub(small, sub(sum, large)));",
            "(void)large, (void)small;",
            "what a sum of two gaps loses",
        ),
        (
            "s->lost = add(s->lost, sub(powers, sub(sum, s->powers)));",
            "s->lost = splat(0);",
            "what a sum of powers loses",
        ),
        (
            "all_less(sub(s->anchor_logits, s->highest), splat((real)MOST_CONFIDENT))",
            "1",
            "rows whose loss is near the smallest number",
        ),
        (
            "all_less(magnitude(s->highest), splat((real)LARGE_LOGIT))",
            "1",
            "huge logits",
        ),
    ),
    *mutants_of(
        "ext/statistics/few_classes.pxi",
        (
            "(call.num_rows - first - groups * LANES) * rows.outer_stride < beyond",
            "call.num_rows - first - groups * LANES < 0",
            "quads beyond the last row",
        ),
    ),
    *mutants_of(
        "ext/lanes/exp_log.h",
        ("-1023.0 * 0.6931", "-80.0", "losses below 1e-35"),
        (
            "where_equal_f64(k, SPLAT(0.0), w_low, SPLAT(0.0))",
            "SPLAT(0.0)",
            "losses of confident rows",
        ),
    ),
    *mutants_of(
        "ext/lanes/exp_log.h",
        ("LOW_PARTS ? -800.0", "LOW_PARTS ? -700.0", "losses below 1e-304"),
        ("FUSED(k, SPLAT(LN2_LOW), DIV(w_low, w))", "DIV(w_low, w)", "the last digit of log"),
        ("r = ADD(NEGATIVE_FUSED(n, SPLAT(LN2_LOW), r), x_low);", "", "the last digit of exp"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/lanes/halves.h",
        ("bits + 0x7fff + (bits >> 16 & 1)", "bits + 0x8000", "ties of bfloat16 to even"),
        dtype="bfloat16",
    ),
    *mutants_of(
        "ext/call/labels.h",
        ("set1_i64((int64_t)num_classes)", "set1_i64((int64_t)num_classes + 1)", "label C"),
    ),
    *mutants_of(
        "ext/call/labels.pxi",
        (
            "return <uint64_t> <int64_t> i32 if labels.is_signed else <uint64_t> <uint32_t> i32",
            "return <uint64_t> <uint32_t> i32",
            "int32 labels below 0 that are ignored",
        ),
        ("    for i in range(count, LANES):\n        out[i] = NO_CLASS\n", "", "rows twice"),
    ),
    *mutants_of(
        "ext/call/arrays.pxi",
        (" and first % rows.inner + LANES <= rows.inner", "", "groups across the outer axis"),
    ),
    *mutants_of(
        "ext/call/targets.pxi",
        ("(targets[k] >= 0.0) & (targets[k] < INFINITY)", "(targets[k] >= 0.0)", "q of inf"),
        ("targets[k] * share + uniform", "targets[k] + uniform", "the table's rows sum to more"),
    ),
    *mutants_of(
        "ext/statistics/reference.h",
        (
            "splat(near), near_error + low}",
            "splat(near), 0}",
            "gaps to what is next to the reference",
        ),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        ("(size_t)left_out < (size_t)(count * LANES)", "0", "a label in a whole vector"),
        ("v[0] = without(x, tile.left_out - k, filler);", "v[0] = x;", "a label in the last one"),
        ("splat((real)count), load_logits_part", "splat(0), load_logits_part", "the last classes"),
        ("flush_rests(&sums, &s, with);\n    sums.high", "sums.high", "the last rests"),
        ("sums.highest_of_next = largest(highest)", "sums.highest_of_next = 0", "a reference"),
    ),
    *mutants_of(
        "ext/statistics/row_group.h",
        (
            "set1_i64(NO_CLASS), set1_i64(0), set1_i64(bits_of_one)",
            "set1_i64(NO_CLASS), set1_i64(bits_of_one), set1_i64(bits_of_one)",
            "ignored rows are kept",
        ),
    ),
    *mutants_of(
        "ext/statistics/reference.h",
        (
            (
                "ADD(error, FUSED(scale, SPLAT(STEP_LOW), FUSED(scale, SPLAT(STEP), "
                "SUB(SPLAT(0.0), product))));"
            ),
            "error;",
            "digits of ln(2)",
        ),
        ("SPLAT(MAGIC), error", "SPLAT((double)INFINITY), error", "logits beside the largest"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        ("if k <= left_out < k + LANES:", "if k < left_out < k + LANES:", "a label in lane 0"),
        ("weight * (centre - row.centre)", "weight * (row.centre - centre)", "a centre that moves"),
        ("        weight -= call.smoothing[row.anchor]\n", "        pass\n", "the label's share"),
        (
            "-sums.counted * distance",
            "sums.counted * distance",
            "gaps to an old reference",
        ),
        ("others = count - (0 <= tile.left_out < count)", "others = count", "the label's own gap"),
        ("        if not has_gaps:\n", "        if False:\n", "infinite and huge gaps"),
        ("next.left_out -= TILE", "pass", "a label in the tile that comes next"),
        (
            "references[index] = sums.reference",
            "references[0] = sums.reference",
            "gradients of tiles before the largest logit",
        ),
        (
            "call.smoothing != NULL and begin <= anchor < end",
            "call.smoothing != NULL and begin < anchor < end",
            "the first label of a later segment with weights",
        ),
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        (
            "-pair_value(row.gap_weight) * distance",
            "pair_value(row.gap_weight) * distance",
            "gaps of segments",
        ),
        (
            "reference_difference(other.reference, row.reference) > 0.0",
            "reference_difference(other.reference, row.reference) < 0.0",
            "a later segment far above the first",
        ),
        ("    add_pair(&row.target_sum, other.target_sum)\n", "", "targets of later segments"),
        (
            "pair_value(other.gap_weight) * (row.centre - other.centre)",
            "pair_value(other.gap_weight) * (other.centre - row.centre)",
            "centres of segments",
        ),
        (
            "    row.bad_probability |= other.bad_probability\n",
            "",
            "a bad probability in a later segment",
        ),
        (
            "other.anchor_logit > row.anchor_logit):",
            "other.anchor_logit < row.anchor_logit):",
            "the top of segments",
        ),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        (
            "        sums.exps.sum = NAN\n",
            "        pass\n",
            "+inf in a long row: the lanes make nan of it already",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/statistics/row_group.pxi",
        ("pair_value(row.sum_exp)", "row.sum_exp.sum", "roundings of segments"),
        ("pair_value(row.gap_sum)", "row.gap_sum.sum", "roundings of segments"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/row_group.pxi",
        ("(1.0 - call.label_smoothing) * group.weight[i] == 0.0", "False", "labels of no share"),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        (
            "load(for_gaps, tile, k, loaded, m.near)",
            "load(for_gaps, tile, k, loaded, none)",
            "the label's gap is infinite: the row goes the general way, which is slower",
        ),
        is_equivalent=True,
    ),
]
