"""Mutants of what an evaluation adds to the kernel."""

from mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/statistics/rank.h",
        (
            "equals_beat ? where_less(v, limit, zero, one)",
            "equals_beat ? where_less(limit, v, one, zero)",
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
        ("rank < enough; k +=", "rank < enough - 1; k +=", "the rank next to the largest k"),
        ("        rank += beaten_by", "        rank = beaten_by", "the last stretch alone"),
        (
            "label < 0 ? 0 : label < count ? label : count, after",
            "label < 0 ? 0 : label < count ? label + 1 : count, after",
            "the label beats itself",
        ),
        (
            "label < 0 ? 0 : label < count ? label : count, after",
            "label < 0 ? count : label < count ? label : count, after",
            "tiles after the label's are counted twice",
        ),
        (
            "label < count ? label + 1 : count;",
            "label < count ? label + 1 : 0;",
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
        ("where_nonzero_f64(own, MUL(own, z))", "MUL(own, z)", "a label of -inf: 0 times inf"),
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
        "ext/statistics/rank.pxi",
        (
            "not group.anchor_logit[i] > group.highest[i]",
            "not group.anchor_logit[i] >= group.highest[i]",
            "an equal of a lower class does not beat the label",
        ),
        ("labels[i] = <real> group.label[i]", "labels[i] = <real> group.anchor[i]", "ties of top"),
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
        ("            add_pieces(&held.confidence)\n", "            pass\n", "full bins"),
        (
            "squares[i] = group.label_nll[i] * group.label_nll[i]",
            "squares[i] = group.nll[i] * group.nll[i]",
            "squares of labels without a share",
        ),
        (
            "    add_group_exactly(&metrics.nll_square, group, weights, rests)\n",
            "",
            "squares that are rounded",
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
            " if is_regular else limit(call, row_start(&call.logits, n))",
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
            "if (!(numbers[i] >= 0)) continue;",
            "if (numbers[i] != numbers[i]) continue;",
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
        ("rests + i, where_finite(rest)", "rests + i, rest", "rests of squares that overflow"),
        ("where_less_f64(rest, zero, MUL(square", "where_less_f64(rest, rest, MUL(square", "signs"),
        ("LOWEST_HALF_OCTAVE = -65", "LOWEST_HALF_OCTAVE = -64", "the histogram is moved"),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        (
            "sums.highest = max(sums.highest, highest)",
            "sums.highest = highest",
            "confidence by the last tile alone",
        ),
        ("highest >= label_logit", "highest > label_logit", "equals in another tile"),
        (
            " or (left_out >= 0 and start + left_out != label)",
            "",
            "the top beats a label in its tile",
        ),
        ("distance * sum_exp if factor", "-distance * sum_exp if factor", "moments move"),
        ("square[0] *= factor * factor", "square[0] *= factor", "squares to a new reference"),
        ("term * distance if term != 0.0 else 0.0", "term * distance", "0 times inf"),
        ("square[0] += term * term", "square[0] += term", "squares of large logits"),
        (
            "    add_moments(&sums.moments, &sums.squares, term, z + low)\n",
            "",
            "moments of large logits and of old tops",
        ),
        (
            "x, count, label - start, label_logit",
            "x, count, label, label_logit",
            "equals in later tiles",
        ),
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        ("    row.moment += other.moment\n", "", "moments of later segments"),
        ("    row.square += other.square\n", "", "squares of later segments"),
        ("    row.rank += other.rank\n", "", "rank in later segments"),
        (
            "row.highest = max(row.highest, other.highest)",
            "row.highest = other.highest",
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
        ("return distance + low", "return distance", "digits of distances far from 0"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        (
            "sums.highest = max(sums.highest, row.anchor_logit)",
            "pass",
            "an old top: the new one is the largest of all",
        ),
        is_equivalent=True,
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
            "maximum(minimum(x, s->anchor_logits), s->top)",
            "maximum(x, s->top)",
            "the top is among the others",
        ),
    ),
    *mutants_of(
        "ext/statistics/short_rows.h",
        (
            "wide_sum(sums.squares), top);",
            "wide_sum(sums.squares), highest);",
            "confidence by the ends of a row",
        ),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        (
            "fused(scale, splat((real)STEP), clamped)",
            "clamped",
            "moments to 0, not to the reference",
        ),
        ("            moments = squares = splat(0);", "", "moments are flushed twice"),
        ("fused(term, term, squares) :", "fused(term, splat(1), squares) :", "squares"),
    ),
    *mutants_of(
        "ext/results/totals.pxi",
        (
            "call.enough = max(call.enough, <Py_ssize_t> call.ranks[i])",
            "call.enough = 1",
            "ranks above the first",
        ),
        (
            "label_smoothing == 0.0 and call.class_weight == NULL and call.sample_weight",
            "label_smoothing == 0.0 and call.sample_weight",
            "class weights are left out",
        ),
        (
            "label_smoothing == 0.0 and call.class_weight == NULL and call.sample_weight",
            "call.class_weight == NULL and call.sample_weight",
            "smoothing is left out",
        ),
    ),
    *mutants_of(
        "ext/run/reports.pxi",
        (
            (
                "        for t in range(num_threads):\n"
                "            totals_at(call, t).loss = metrics_at(call, t).nll\n"
            ),
            "        totals_at(call, 0).loss = metrics_at(call, 0).nll\n",
            "losses of other threads",
        ),
    ),
    *mutants_of(
        "ext/run/calls.pxi",
        (
            "            bad_row = min(bad_row, totals_at(&call, t).bad_row)",
            "            bad_row = totals_at(&call, t).bad_row",
            "bad labels in another thread than the last",
        ),
    ),
    *mutants_of(
        "ext/run/reports.pxi",
        ("metrics.unbinned += metrics_at(call, t).unbinned", "pass", "nan in another thread"),
        ("metrics.histogram[i] += metrics_at", "metrics.histogram[i] = metrics_at", "threads"),
        ("total.limbs[i] += bins[b]", "total.limbs[i] = bins[b]", "the last bin's confidence"),
        ("total.special = metrics.unbinned", "total.special = 0.0", "confidence without nan"),
        ("total += (<const double *>", "total = (<const double *>", "hits of the last lane"),
        ("misses += of_thread", "misses = of_thread", "bins of the last thread"),
    ),
    *mutants_of(
        "ext/run/calls.pxi",
        ("call.enough = call.num_classes", "call.enough = 1", "ranks above the first of a row"),
    ),
]
