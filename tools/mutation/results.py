"""Mutants of the kernel from row statistics on: losses, gradients, exact sums, threads."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/results/losses.h",
        (
            "smaller = where_less_f64(z, zero, one, sum)",
            "smaller = where_less_f64(z, one, one, sum)",
            "rows whose label lies just above the reference",
        ),
        ("log_sum_exp = ADD(log_total, above)", "log_sum_exp = log_total", "lse of such rows"),
        (
            "nll = where_equal_f64(sum, zero, SUB(x, x), nll);",
            "",
            "the label alone: its own rounding is its loss",
        ),
        ("nll = where_equal_f64(x, SPLAT((double)INFINITY), SUB(x, x), nll);", "", "+inf label"),
        (
            "SET_ROWS(loss, where_nonzero_f64(ROWS(kept), loss))",
            "SET_ROWS(loss, loss)",
            "ignored rows have a loss",
        ),
        (
            "ROWS(weight), SPLAT(uniform))",
            "ROWS(weight), SPLAT(-uniform))",
            "the label's own smoothing",
        ),
        ("if (others != 0.0)\n            loss", "if (1) loss", "0 times inf"),
        (
            "MUL(SPLAT(uniform), ROWS(gap_sum))",
            "MUL(SPLAT(-uniform), ROWS(gap_sum))",
            "the mean logit's sign",
        ),
        (
            "OP_F64(min)(SPLAT(DBL_MAX), nll)",
            "nll",
            "0 times inf",
        ),
    ),
    *mutants_of(
        "ext/results/losses.h",
        (
            "if (g->loss[i] != weight * (share * nll)) continue;",
            "",
            "weighted losses of certain rows with other terms than the label's",
        ),
        (
            "scale = g->scale[i] - first_f64(k) - first_f64(share_k)",
            "scale = g->scale[i] - first_f64(k)",
            "class weights of certain rows",
        ),
        (
            "ADD(z, ADD(log_total, low))",
            "SUB(z, ADD(log_total, low))",
            "lse of rows whose label lies above the reference",
        ),
        (
            "towards = where_less_f64(z, zero, low, SUB(zero, low))",
            "towards = low",
            "digits of confident rows",
        ),
        (
            "nll = SUB(nll, where_less_f64(z, zero, low, zero));",
            "",
            "digits of rows whose label lies below the reference",
        ),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/exact_sum.h",
        ("SPLAT(0x1p-61), zero", "SPLAT(0x1p-161), zero", "tiny losses"),
        ("SPLAT(0x1p+11), where", "SPLAT(0x1p+111), where", "huge losses"),
        ("MOST_CUT = 4096", "MOST_CUT = 1 << 30", "pieces of very many rows"),
        ("pieces[2] = SUB(rest, middle)", "pieces[2] = SPLAT(0.0)", "the last bits of a loss"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/exact_sum.h",
        (
            "MUL(rest, SPLAT(SMALL))",
            "rest",
            "small losses do not fit into pieces: they are added one by one, which is as exact",
        ),
        dtype="float64",
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/results/few_classes_losses.h",
        ("    z = fast_pair_sum(z.high, z.low);\n", "", "logits far from zero"),
        (
            "where_less(z.high, zero, s->sum_low, zero)",
            "zero",
            "the second number of a sum of exps",
        ),
        (
            "fused(multiplier, e.power, sub(zero, high))",
            "zero",
            "the rounding of a product",
        ),
        ("narrow_wide(statistics[g].gaps))) break;", "statistics[g].sum)) break;", "infinite gaps"),
        ("    num_groups = g;\n", "", "invalid rows"),
        ("(&f, columns + g * exps_of_group,", "(&f, columns,", "the exps of other groups"),
        ("FEW / num_classes", "FEW", "exps beyond their memory"),
        ("sweep->few.upper = splat(1)", "sweep->few.upper = splat(2)", "a probability above 1"),
    ),
    *mutants_of(
        "ext/results/exact_sum.pxi",
        ("total.small[i] / SMALL", "total.small[i]", "small losses are large"),
    ),
    *mutants_of(
        "ext/results/gradients.h",
        ("where_equal_f64(nll, nll, factor", "where_equal_f64(zero, zero, factor", "no softmax"),
        ("scaled(exps, f, c, m), k);", "scaled(exps, f, c, m), 0);", "before the first line"),
        ("MUL(s, SPLAT(-uniform))", "MUL(s, SPLAT(uniform))", "the smoothing's sign"),
        ("sweep->upper = 1.0;", "sweep->upper = INFINITY;", "probabilities above 1"),
        (
            "MUL(anchor_share, MUL(others, inverse))",
            "MUL(anchor_share, SUB(SPLAT(1.0), MUL(own, inverse)))",
            "1 - p by subtraction",
        ),
        (
            "minimum(upper, fused(load(exps), factor, constant))",
            "minimum(fused(load(exps), factor, constant), upper)",
            "nan in a gradient",
        ),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        ("            g.weight[i] *= s\n", "", "the mean forgets sample_weight"),
        ("g.loss[i] = weighted_term(s, g.loss[i])", "g.loss[i] = s * g.loss[i]", "0 times inf"),
        ("g.loss[i] = g.loss[i] if g.kept[i] else 0.0", "pass", "ignored rows have a loss"),
        ("(coefficient != 0.0) | (term != term)", "(coefficient != 0.0)", "0 times nan is 0"),
        ("uniform * (call.num_classes - 1)", "uniform * call.num_classes", "the label twice"),
        (" - smoothing) + call.smoothing_error)", " - smoothing))", "a share of nearly nothing"),
        ("call.smoothing[max(g.anchor[i], <Py_ssize_t> 0)]", "call.smoothing[0]", "class 0"),
        ("g.target_sum[i] - g.anchor_target[i]", "g.target_sum[i]", "the top's gradient"),
        ("top if fabs(top) == INFINITY else <real> NAN", "top", "nan in log_sum_exp is finite"),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        (
            "(z if g.rest_share[i] != 0.0 else 0.0)",
            "z",
            "0 times inf with weights: never, a row's sums are finite where its loss is",
        ),
        (
            "g.gap_sum[i] + weighted_term(g.target_sum[i], g.nll[i])",
            "g.gap_sum[i] + g.target_sum[i] * g.nll[i]",
            "0 times inf with probabilities: never, the top's nll is at most log C",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/results/gradients.pxi",
        ("return factor * rebase_factor(tile, row)", "return factor", "tiles before the largest"),
        (
            "<real> gradient_of_former_anchor(",
            "0 * <real> gradient_of_former_anchor(",
            "the top class of a segment that has not the row's",
        ),
        (
            "if with_anchor and begin <= anchor < end",
            "if with_anchor and begin < anchor < end",
            "the label's own gradient in class 0",
        ),
        (
            "anchor < end and group.nll[i] == group.nll[i]:",
            "anchor < end:",
            "the label's own gradient in rows without a softmax",
        ),
    ),
    *mutants_of(
        "ext/results/few_classes_gradients.pxi",
        (
            "x = where_equal(anchors, splat(<real> k), x, subtract_targets(",
            "x = where_equal(anchors, splat(-1), x, subtract_targets(",
            "targets are taken off the label's own gradient",
        ),
        (
            "not (group.all_valid or group.is_valid[i])",
            "not group.all_valid",
            "rows beside one that does not hold",
        ),
    ),
    *mutants_of(
        "ext/results/digits.h",
        ("bits >> 63 ? -1 : 1", "1", "pieces below 0"),
        ("field - is_normal - 1074", "field - 1074", "normal numbers are doubled"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/exact_sum.pxi",
        ("        sums.special += other.special\n", "", "an infinite loss in another thread"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/row_results.pxi",
        ("        round_metrics(group)\n", "", "squares of float64 have more digits"),
        (
            (
                "if not group.kept[i] or (call.sample_weight != NULL and call.sample_weight[first "
                "+ i] == 0.0):"
            ),
            "if not group.kept[i]:",
            "rows of weight 0 are kept",
        ),
    ),
    *mutants_of(
        "ext/run/team.pxi",
        ("late * (PRICE << doublings)", "0 * (PRICE << doublings)", "late teams are called again"),
        ("least * items if region.least < INFINITY else 0.0", "least * items", "very late ones"),
        ("debt > seconds ? debt - seconds : 0", "debt", "a debt for ever"),
        ("debt < MOST_DEBT ? debt : MOST_DEBT", "debt", "a debt for many seconds"),
        ("static _Thread_local double debt", "static double debt", "debts of other threads"),
        ("sched_setaffinity(0, sizeof allowed, &allowed);", ";", "threads keep off a CPU for ever"),
        dtype="float32",
    ),
    *mutants_of(
        "ext/run/calls.pxi",
        (
            "bad_row = min(totals.bad_row, totals_at(call, t).bad_row)",
            "bad_row = max(totals.bad_row, totals_at(call, t).bad_row)",
            "bad labels in one thread alone",
        ),
        (
            "totals[s].num_kept += totals_at(call, t)[s].num_kept",
            "totals[s].num_kept = totals_at(call, t)[s].num_kept",
            "kept rows",
        ),
    ),
    *mutants_of(
        "ext/run/tally.pxi",
        ("                num_kept[0] -= weight == 0.0\n", "", "gradients of weight 0"),
        (
            (
                "if call.class_weight != NULL and not call.has_probabilities:\n                  "
                "  weight"
            ),
            "if call.class_weight != NULL:\n                    weight",
            "weights of q",
        ),
        (
            (
                "if not 0.0 <= probability_at(call, at + k * call.probabilities.class_stride) < "
                "INFINITY:"
            ),
            "if not 0.0 <= probability_at(call, at + k * call.probabilities.class_stride):",
            "q of inf",
        ),
    ),
    *mutants_of(
        "ext/results/gradients.h",
        ("SUB(zero, z), SUB(zero, low)", "SUB(zero, z), low", "digits of labels far above"),
        ("low = where_less_f64(z, zero, zero, low);", "", "digits of labels below"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/few_classes.pxi",
        ("if call.transforms and call.has_grad:", "if False:", "slopes beside a row that is nan"),
    ),
]
