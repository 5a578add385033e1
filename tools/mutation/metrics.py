"""Mutants of metrics: from row statistics to what an evaluation returns."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/results/metrics.h",
        (
            "where_equal_f64(nll, nll, ROWS(rank), SPLAT(worst))",
            "ROWS(rank)",
            "hits of nan",
        ),
        ("entropy = SUB(log_total", "entropy = ADD(log_total", "the entropy's sign"),
        (
            "where_less_f64(z, zero, one, where_nonzero_f64(others, DIV(others, sum)))",
            "one",
            "moments of rows whose label lies above the reference",
        ),
        ("where_nonzero_f64(others, DIV(others, sum))", "DIV(others, sum)", "a class alone"),
        (
            "where_less_f64(z, zero, ROWS(log_sum_exp), nll)",
            "nll",
            "entropy of rows whose label lies below the reference",
        ),
        (
            "where_less_f64(z, zero, ROWS(log_sum_exp), nll)",
            "ROWS(log_sum_exp)",
            "entropy of rows whose label lies above the reference",
        ),
        (
            "where_nonzero_f64(own, MUL(own, near))",
            "where_nonzero_f64(own, MUL(own, z))",
            "a label of the lowest number: its least exp times a huge distance",
        ),
        (
            "SUB(zero, where_nonzero_f64(others, MUL(others, z)))",
            "where_nonzero_f64(others, MUL(others, z))",
            "the others' distance to the label",
        ),
        ("OP_F64(max)(own, times_exps(one, highest, zero))", "own", "a label that is not the top"),
        (
            "SUB(distances_to_reference(ROWS(highest), offset, scale, &low), above)",
            "distances_to_reference(ROWS(highest), offset, scale, &low)",
            "a top that is not the label is sure beside one above the reference",
        ),
        ("FUSED(MUL(ratio, ratio), ROWS(square)", "FUSED(ratio, ROWS(square)", "squares"),
        ("ROWS(square), MUL(others, others))", "ROWS(square), MUL(own, own))", "p for 1 - p"),
        (
            "    nan = where_equal_f64(nll, SPLAT((double)INFINITY), zero, nan);",
            "",
            "a label of no probability: the others' entropy",
        ),
        (
            "entropy = where_nonzero_f64(sum, OP_F64(max)(zero, entropy));",
            "entropy = OP_F64(max)(zero, entropy);",
            "the entropy of a class alone is a rounding",
        ),
        (
            "entropy = where_nonzero_f64(sum, OP_F64(max)(zero, entropy));",
            "entropy = where_nonzero_f64(sum, entropy);",
            "entropies below 0",
        ),
        ("ADD(OP_F64(min)(one, most), nan)", "ADD(most, nan)", "confidences above 1"),
        ("MUL(square, MUL(inverse, inverse))", "MUL(square, inverse)", "squares of p"),
        (
            "if (g->label[i] < 0 || g->label[i] == g->anchor[i]) continue;",
            "if (g->label[i] < 0) continue;",
            "a top that is the label",
        ),
        (
            "ratio = g->sum_exp[i] > 0 ? g->others[i] / g->sum_exp[i] : 0;",
            "ratio = g->others[i] / g->sum_exp[i];",
            "a top alone beside a label without a share",
        ),
        (
            "(g->anchor_logit[i] - label_logits[i])",
            "(label_logits[i] - g->anchor_logit[i])",
            "labels without a share",
        ),
        ("+ (1 - 2 * times_exp", "+ (1 + 2 * times_exp", "Brier of labels without a share"),
        ("g->square[i] + g->own[i] * g->own[i];", "g->square[i];", "the top's own square"),
    ),
    *mutants_of(
        "ext/results/metrics.h",
        (
            "highest = ADD(highest, SUB(low, where_less_f64(zero, z, z_low, zero)));",
            "(void)z_low;",
            "digits of a top far from 0",
        ),
        ("        z = ADD(z, z_low);\n", "", "digits of an entropy far from 0"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/metrics.pxi",
        (
            "weights[i] if group.rank[i] < k else",
            "weights[i] if group.rank[i] <= k else",
            "rank k is a hit with weights",
        ),
        ("(pieces, group, weights, group.c", "(pieces, group, NULL, group.c", "weights in bins"),
        ("metrics.unbinned = NAN", "pass", "the mean confidence leaves out nan"),
        (
            "weights[i] if group.rank[i] < 1.0 else 0.0)",
            "weights[i] if group.rank[i] <= 1.0 else 0.0)",
            "second places are hits of a bin with weights",
        ),
        ("            add_pieces(&bin.confidence)\n", "            pass\n", "full bins"),
        (
            "&metrics.nll_square, group, weights, group.label_nll",
            "&metrics.nll_square, group, weights, group.nll",
            "squares of labels without a share",
        ),
        (
            "add_squares(&metrics.brier_square, group, weights, group.brier)",
            "add_squares(&metrics.brier_square, group, NULL, group.brier)",
            "squares without weights",
        ),
        (
            "&metrics.hit_confidence, group, weights, of_hits",
            "&metrics.hit_confidence, group, weights, group.confidence",
            "the confidence of misses",
        ),
        ("call.sample_weight[first + i] if", "call.sample_weight[i] if", "the first rows' weights"),
        ("nll, group, weights, group.label_nll", "nll, group, weights, group.loss", "loss"),
        (
            "&metrics.weight_square, group, weights, weights",
            "&metrics.weight_square, group, weights, group.kept",
            "weights, not their squares",
        ),
        (
            "out.argmax[n] = group.anchor[i] if highest == highest else -1",
            "out.argmax[n] = group.anchor[i]",
            "nan has a top class",
        ),
        (
            " if is_regular else irregular_log_sum_exp(group.anchor_logit[i])",
            "",
            "the largest of nan",
        ),
        (
            "<real> (group.anchor_logit[i] + group.nll[i]) if",
            "<real> group.anchor_logit[i] + <real> group.nll[i] if",
            "log_sum_exp is rounded twice",
        ),
        ("out.label_logit[n] = NAN", "out.label_logit[n] = 0", "label_logit without a label"),
        ("out.rank[n] = -1", "out.rank[n] = 0", "rank without a label"),
        (
            "out.nll[n] = <real> group.label_nll[i]",
            "out.nll[n] = <real> group.nll[i]",
            "the top's nll is the label's",
        ),
    ),
    *mutants_of(
        "ext/results/metrics.pxi",
        (
            "        add_group_exactly(total, group, weights, rests)\n",
            "        pass\n",
            "squares that are rounded",
        ),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/totals.pxi",
        ("(hits_of(metrics) + num_ranks)", "hits_of(metrics)", "bins lie over hits"),
    ),
    *mutants_of(
        "ext/results/exact_sum.h",
        (
            "where_equal_f64(weight, SPLAT(0.0), OP_F64(min)(SPLAT(DBL_MAX), value), value)",
            "value",
            "0 times inf",
        ),
        ("return where_nonzero_f64(ROWS(kept), value)", "return value", "nan in ignored rows"),
    ),
    *mutants_of(
        "ext/results/totals.h",
        (
            "where_less_f64(ROWS(rank), SPLAT(most), ROWS(kept)",
            "where_less_f64(ROWS(rank), SPLAT(most), SPLAT(1.0)",
            "ignored rows are hits",
        ),
        (
            "if (!(bin_numbers[i] >= 0)) continue;",
            "if (bin_numbers[i] != bin_numbers[i]) continue;",
            "ignored rows are in bins",
        ),
        (
            "OP_F64(min)(SPLAT(num_bins - 0.5), MUL(",
            "OP_F64(min)(SPLAT(num_bins), MUL(",
            "a confidence of 1 is beyond the last bin",
        ),
        (
            "num_rows[g->rank[i] < 1]",
            "num_rows[g->rank[i] <= 1]",
            "second places are hits of a bin",
        ),
        ("* LANES + i] += pieces", "* LANES + i] = pieces", "the last row of a bin alone"),
        (
            "where_equal_f64(square, square, ROWS(kept), zero)",
            "ROWS(kept)",
            "nan is in the histogram",
        ),
        (
            "where_less_f64(ROWS(rank), SPLAT(1.0), ROWS(confidence)",
            "where_less_f64(ROWS(rank), SPLAT(2.0), ROWS(confidence)",
            "the confidence of second places",
        ),
        ("LOWEST_HALF_OCTAVE = -65", "LOWEST_HALF_OCTAVE = -64", "the histogram is moved"),
    ),
    *mutants_of(
        "ext/results/totals.h",
        ("rests + i, where_finite(rest)", "rests + i, rest", "rests of squares that overflow"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/totals.h",
        (
            "where_less_f64(rest, zero, MUL(square",
            "where_less_f64(rest, rest, MUL(square",
            "negative rests do not fit into pieces: they are added one by one, which is as exact",
        ),
        dtype="float64",
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/results/totals.pxi",
        (
            "call.rank_limit = max(call.rank_limit, <Py_ssize_t> call.ranks[i])",
            "call.rank_limit = 1",
            "ranks above the first",
        ),
        ("call.label_smoothing == 0.0 and is_bare(call)", "is_bare(call)", "smoothing is left out"),
    ),
    *mutants_of(
        "ext/run/reports.pxi",
        (
            (
                "        for t in range(num_threads):\n"
                "            (totals_at(call, t) + slice).loss = metrics_at(call, t, slice).nll\n"
            ),
            "        (totals_at(call, 0) + slice).loss = metrics_at(call, 0, slice).nll\n",
            "losses of other threads",
        ),
    ),
    *mutants_of(
        "ext/run/calls.pxi",
        (
            "totals.bad_row = min(totals.bad_row, totals_at(call, t).bad_row)",
            "totals.bad_row = totals_at(call, t).bad_row",
            "bad labels in another thread than the last",
        ),
    ),
    *mutants_of(
        "ext/run/reports.pxi",
        (
            "metrics.unbinned += metrics_at(call, t, slice).unbinned",
            "pass",
            "nan of others",
        ),
        ("metrics.histogram[i] += metrics_at", "metrics.histogram[i] = metrics_at", "threads"),
        ("total.limbs[i] += bins[b]", "total.limbs[i] = bins[b]", "the last bin's confidence"),
        ("total.special = metrics.unbinned", "total.special = 0.0", "confidence without nan"),
        ("total += (<const double *>", "total = (<const double *>", "hits of the last lane"),
        ("misses += thread_bin", "misses = thread_bin", "bins of the last thread"),
    ),
    *mutants_of(
        "ext/results/metrics.pxi",
        (
            "call.rank_limit = call.num_classes",
            "call.rank_limit = 1",
            "ranks above the first of a row",
        ),
    ),
    *mutants_of(
        "ext/call/call.pxi",
        (
            "return call.z_loss == 0.0 and not has_weights(call)",
            "return call.z_loss == 0.0 and call.sample_weight == NULL",
            "class weights are left out",
        ),
    ),
]
