"""Mutants of the kernel: formulas, bounds, comparisons, what becomes of nan."""

from mutation import mutants_of

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
            "SET_ROWS(weight, where_nonzero_f64(ROWS(kept), ROWS(weight)))",
            "SET_ROWS(weight, ROWS(weight))",
            "ignored rows weigh",
        ),
        (
            "ROWS(weight), SPLAT(uniform))",
            "ROWS(weight), SPLAT(-uniform))",
            "the label's own smoothing",
        ),
        ("if (others != 0.0) loss", "if (1) loss", "0 times inf where nothing is smoothed"),
        (
            "MUL(SPLAT(uniform), ROWS(gap_sum))",
            "MUL(SPLAT(-uniform), ROWS(gap_sum))",
            "the mean logit's sign",
        ),
        (
            "where_equal_f64(label_part, SPLAT(0.0), OP_F64(min)(SPLAT(DBL_MAX), of.nll), of.nll)",
            "of.nll",
            "0 times inf",
        ),
    ),
    *mutants_of(
        "ext/results/losses.h",
        (
            "if (g->loss[i] != weight * (part * nll)) continue;",
            "",
            "weighted losses of certain rows with other terms than the label's",
        ),
        (
            "scale = g->scale[i] - first_f64(k) - first_f64(k_of_part)",
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
        ("MUL(rest, SPLAT(SMALL))", "rest", "small losses"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/results/exact_sum.pxi",
        ("total.small[i] / SMALL", "total.small[i]", "small losses are large"),
    ),
    *mutants_of(
        "ext/results/gradients.h",
        ("SUB(lifted, SUB(k, scale))", "SUB(lifted, ADD(k, scale))", "the reference's power"),
        (
            "SPLAT(EXPONENT_BIAS - LIFT - HEADROOM)",
            "SPLAT(0.0)",
            "masked classes of heavy rows",
        ),
        (
            "e = OP_F64(min)(e, SPLAT(EXPONENT_BIAS - LIFT - HEADROOM));",
            "",
            "the power of heavy rows overflows",
        ),
        ("where_equal_f64(nll, nll, inverse, nan)", "inverse", "rows without a softmax"),
        ("MUL(s, SPLAT(-uniform))", "MUL(s, SPLAT(uniform))", "the smoothing's sign"),
        ("sweep->most = 1.0;", "sweep->most = INFINITY;", "probabilities above 1"),
        (
            "MUL(label_part, MUL(others, inverse))",
            "MUL(label_part, SUB(SPLAT(1.0), MUL(own, inverse)))",
            "1 - p by subtraction",
        ),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        ("            g.weight[i] *= s\n", "", "the mean forgets sample_weight"),
        ("g.loss[i] = share(s, g.loss[i])", "g.loss[i] = s * g.loss[i]", "0 times inf"),
        ("g.loss[i] = g.loss[i] if g.kept[i] else 0.0", "pass", "ignored rows have a loss"),
        ("g.weight[i] = g.weight[i] if g.kept[i] else 0.0", "pass", "ignored rows weigh"),
        ("(coefficient != 0.0) | (term != term)", "(coefficient != 0.0)", "0 times nan is 0"),
        ("uniform * (job.num_classes - 1)", "uniform * job.num_classes", "the label counts twice"),
        (" - smoothing) + job.smoothing_error)", " - smoothing))", "a share of nearly nothing"),
        ("job.smoothing[max(g.label[i], <Py_ssize_t> 0)]", "job.smoothing[0]", "class 0's share"),
        ("g.target_sum[i] - g.label_target[i]", "g.target_sum[i]", "the top's gradient"),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        (
            "(z if g.rest_part[i] != 0.0 else 0.0)",
            "z",
            "0 times inf with weights: never, a row's sums are finite where its loss is",
        ),
        (
            "g.gap_sum[i] + share(g.target_sum[i], g.nll[i])",
            "g.gap_sum[i] + g.target_sum[i] * g.nll[i]",
            "0 times inf with probabilities: never, the top's nll is at most log C",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/statistics/reference.h",
        ("enum { CEILING = 10 }", "enum { CEILING = 60 }", "the error of ln(2) far above"),
        ("LARGE_LOGIT = 0x1p+17", "LARGE_LOGIT = 0x1p+25", "logits too large for the lanes"),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        ("MOST_WHOLES = 0x1p+18", "MOST_WHOLES = 0x1p+30", "gaps that the lanes clamped"),
    ),
    *mutants_of(
        "ext/call/labels.h",
        ("set1_i64((int64_t)num_classes)", "set1_i64((int64_t)num_classes + 1)", "label C"),
    ),
    *mutants_of(
        "ext/statistics/row_group.h",
        (
            "set1_i64(IGNORED), set1_i64(0), set1_i64(bits_of_one)",
            "set1_i64(IGNORED), set1_i64(bits_of_one), set1_i64(bits_of_one)",
            "ignored rows are kept",
        ),
    ),
    *mutants_of(
        "ext/statistics/reference.h",
        (
            (
                "error = ADD(error, FUSED(scale, SPLAT(STEP_LOW), FUSED(scale, SPLAT(STEP), "
                "SUB(SPLAT(0.0), product))));"
            ),
            "",
            "digits of ln(2)",
        ),
        ("SPLAT(MAGIC), error", "SPLAT((double)INFINITY), error", "logits beside the largest"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        ("if k <= left_out < k + LANES:", "if k < left_out < k + LANES:", "a label in lane 0"),
        ("weight * (centre - row.centre)", "weight * (row.centre - centre)", "a centre that moves"),
        ("        weight -= job.smoothing[row.label]\n", "        pass\n", "the label's own share"),
        (
            "sums.counted * (new.scale - old.scale)",
            "sums.counted * (old.scale - new.scale)",
            "gaps to an old reference",
        ),
        ("        join(sums, row.label_logit)\n", "        pass\n", "a top that is none any more"),
        ("counted = count - (left_out >= 0)", "counted = count", "the label's own gap"),
        ("if wholes > -MOST_WHOLES and", "if wholes > -MOST_WHOLES or", "large offsets"),
        (
            "if start <= statistics.label < start + count",
            "if start < statistics.label < start + count",
            "a label at the start of a tile",
        ),
        (
            "job.smoothing != NULL and begin <= label < end",
            "job.smoothing != NULL and begin < label < end",
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
        ("row.scale) > 0.0\n", "row.scale) < 0.0\n", "a later segment far above the first"),
        ("    add_pair(&row.target_sum, other.target_sum)\n", "", "targets of later segments"),
        (
            "pair_value(other.gap_weight) * (row.centre - other.centre)",
            "pair_value(other.gap_weight) * (other.centre - row.centre)",
            "centres of segments",
        ),
        ("    row.improper |= other.improper\n", "", "a bad probability in a later segment"),
        (
            "other.label_logit > row.label_logit):",
            "other.label_logit < row.label_logit):",
            "the top of segments",
        ),
    ),
    *mutants_of(
        "ext/statistics/long_rows.pxi",
        (
            "            sums.joined.sum = NAN\n",
            "            pass\n",
            "+inf in a long row: the lanes make nan of it already",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/results/gradients.pxi",
        ("    if group.nll[i] != group.nll[i]:\n        total = NAN\n", "", "+inf beside 1e6"),
        (
            "if with_own and begin <= label < end",
            "if with_own and begin < label < end",
            "the label's own gradient in class 0",
        ),
        (
            "label < end and group.nll[i] == group.nll[i]:",
            "label < end:",
            "the label's own gradient in rows without a softmax",
        ),
    ),
    *mutants_of(
        "ext/results/few_classes_gradients.pxi",
        (
            "group.label[i] if group.nll[i] == group.nll[i] else -1.0",
            "group.label[i]",
            "the label's own gradient in rows without a softmax",
        ),
    ),
    *mutants_of(
        "ext/results/exact_sum.pxi",
        ("sign = -1 if bits >> 63 else 1", "sign = 1", "pieces below 0"),
        ("        position -= 1\n", "", "normal numbers are doubled"),
        ("        sums.special += other.special\n", "", "an infinite loss in another thread"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/statistics/row_group.pxi",
        ("pair_value(row.sum_exp)", "row.sum_exp.sum", "roundings of segments"),
        ("pair_value(row.gap_sum)", "row.gap_sum.sum", "roundings of segments"),
        dtype="float64",
    ),
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
        ("0x1p+0f, 0x1.fffffcp-2f", "0x1p+0f, 0x1.fff8p-2f", "a coefficient of exp"),
        (
            "r[j] = maximum(splat((real)LOWEST), x[j])",
            "r[j] = maximum(x[j], splat((real)LOWEST))",
            "nan is the lowest logit",
        ),
        ("LEAST_POWER = 27.0", "LEAST_POWER = 100.0", "terms below 2**-27"),
        (
            "STEP = (double)(real)0x1.62e42fefa39efp-1, LEAST",
            "STEP = 0x1.62e42fefa39efp-1, LEAST",
            "logits far from 0",
        ),
    ),
    *mutants_of(
        "ext/lanes/vectors.h",
        ("else if (have > 0) v", "else if (have > 1) v", "the last class of a row"),
    ),
    *mutants_of(
        "ext/results/gradients.h",
        (
            "minimum(most, fused(p, factor, constant))",
            "minimum(fused(p, factor, constant), most)",
            "nan in a gradient",
        ),
    ),
    *mutants_of(
        "ext/statistics/sums.h",
        ("n == special && n != whole ? without : at", "at", "a label in a whole block"),
        ("n == special && n != whole ?", "n == special ?", "a label in the last block"),
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
        "ext/call/labels.pxi",
        (
            "return <uint64_t> <int64_t> i32 if labels.is_signed else <uint64_t> <uint32_t> i32",
            "return <uint64_t> <uint32_t> i32",
            "int32 labels below 0 that are ignored",
        ),
        ("    for i in range(count, LANES):\n        out[i] = IGNORED\n", "", "rows twice"),
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
        "ext/run/team.pxi",
        ("late * (PRICE << doublings)", "0 * (PRICE << doublings)", "late teams are called again"),
        ("least * pieces if region.least < INFINITY else 0.0", "least * pieces", "very late ones"),
        ("debt > seconds ? debt - seconds : 0", "debt", "a debt for ever"),
        ("debt < MOST_DEBT ? debt : MOST_DEBT", "debt", "a debt for many seconds"),
        ("static _Thread_local double debt", "static double debt", "debts of other threads"),
        ("sched_setaffinity(0, sizeof allowed, &allowed);", ";", "threads keep off a CPU for ever"),
        dtype="float32",
    ),
    *mutants_of(
        "ext/statistics/row_group.pxi",
        ("(1.0 - job.label_smoothing) * group.weight[i] == 0.0", "False", "labels of no share"),
    ),
    *mutants_of(
        "ext/results/row_results.pxi",
        (
            (
                "if not group.kept[i] or (job.sample_weight != NULL and job.sample_weight[first "
                "+ i] == 0.0):"
            ),
            "if not group.kept[i]:",
            "rows of weight 0 are kept",
        ),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        ("        if x != x:\n            return x\n", "", "nan in log_sum_exp is inf"),
    ),
    *mutants_of(
        "ext/run/calls.pxi",
        (
            "bad_row = min(totals.bad_row, totals_at(job, t).bad_row)",
            "bad_row = max(totals.bad_row, totals_at(job, t).bad_row)",
            "bad labels in one thread alone",
        ),
        ("totals.kept += totals_at(job, t).kept", "totals.kept = totals_at(job, t).kept", "kept rows"),
    ),
    *mutants_of(
        "ext/run/tally.pxi",
        ("                num_kept[0] -= weight == 0.0\n", "", "gradients of weight 0"),
        (
            (
                "if job.class_weight != NULL and not job.has_probabilities:\n                  "
                "  weight"
            ),
            "if job.class_weight != NULL:\n                    weight",
            "weights of q",
        ),
        (
            (
                "if not 0.0 <= probability_at(job, at + k * job.probabilities.class_stride) < "
                "INFINITY:"
            ),
            "if not 0.0 <= probability_at(job, at + k * job.probabilities.class_stride):",
            "q of inf",
        ),
    ),
    *mutants_of(
        "ext/lanes/halves.h",
        ("bits + 0x7fff + (bits >> 16 & 1)", "bits + 0x8000", "ties of bfloat16 to even"),
        dtype="bfloat16",
    ),
]
