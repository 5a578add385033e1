"""Mutants of the kernel: formulas, bounds, comparisons, what becomes of nan."""

from mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/loss.pxi",
        (
            "small = g.sum_exp[i] if z >= 0.0 else 1.0",
            "small = g.sum_exp[i] if z >= 1.0 else 1.0",
            "rows whose label lies just above the reference",
        ),
        ("(z + (log_total + low)) if", "(z - (log_total + low)) if", "log_sum_exp of such rows"),
        (" if g.sum_exp[i] == 0.0 else g.nll[i]", " if False else g.nll[i]", "the label alone"),
        ("if g.label_logit[i] == INFINITY else g.nll[i]", "if False else g.nll[i]", "+inf label"),
        ("            g.weight[i] *= s\n", "", "the mean forgets sample_weight"),
        ("g.loss[i] = share(s, g.loss[i])", "g.loss[i] = s * g.loss[i]", "0 times inf"),
        ("g.loss[i] = 0.0 if g.ignored[i] else g.loss[i]", "pass", "ignored rows have a loss"),
        ("g.weight[i] = 0.0 if g.ignored[i] else g.weight[i]", "pass", "ignored rows weigh"),
        ("(coefficient != 0.0) | (term != term)", "(coefficient != 0.0)", "0 times nan is 0"),
        ("uniform * (job.num_classes - 1)", "uniform * job.num_classes", "the label counts twice"),
        ("* g.weight[i] + uniform", "* g.weight[i] - uniform", "the label's own smoothing"),
        ("    if others != 0.0:\n", "    if True:\n", "0 times inf where nothing is smoothed"),
        ("+ uniform * g.gap_sum[i]", "- uniform * g.gap_sum[i]", "the mean logit's sign"),
        (" - smoothing) + job.smoothing_error)", " - smoothing))", "a share of nearly nothing"),
        ("job.smoothing[max(g.label[i], <Py_ssize_t> 0)]", "job.smoothing[0]", "class 0's share"),
        ("g.target_sum[i] - g.label_target[i]", "g.target_sum[i]", "the top's gradient"),
    ),
    *mutants_of(
        "ext/loss.pxi",
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
        "ext/loss.pxi",
        ("towards = -low if z >= 0.0 else low", "towards = low", "digits of confident rows"),
        ("    error += scale * LN2_LOW + fma(scale, LN2, -product)\n", "", "digits of ln(2)"),
        ("fabs(z) < MAGIC", "fabs(z) < INFINITY", "logits beside the largest number"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/row_statistics.pxi",
        ("    CEILING = 10 ", "    CEILING = 60 ", "the error of ln(2) far above the reference"),
        ("MOST_WHOLES = 1 << 18", "MOST_WHOLES = 1 << 30", "gaps that the lanes clamped"),
        ("LARGE_LOGIT = 1 << 17", "LARGE_LOGIT = 1 << 25", "logits too large for the lanes"),
        ("if k <= left_out < k + LANES:", "if k < left_out < k + LANES:", "a label in lane 0"),
        ("weight * (centre - row.centre)", "weight * (row.centre - centre)", "a centre that moves"),
        ("        weight -= job.smoothing[row.label]\n", "        pass\n", "the label's own share"),
        ("    sums.joined_gaps += sums.counted * scale * LN2_ERROR\n", "", "ln(2) in gaps"),
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
        (
            "row.gap_sum -= row.gap_weight * between",
            "row.gap_sum += row.gap_weight * between",
            "gaps of segments",
        ),
        ("row.scale) > 0.0\n", "row.scale) < 0.0\n", "a later segment far above the first"),
        ("    row.target_sum += other.target_sum\n", "", "targets of later segments"),
        (
            "other.gap_weight * (row.centre - other.centre)",
            "other.gap_weight * (other.centre - row.centre)",
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
        "ext/row_statistics.pxi",
        (
            "sum_of_powers(factor, old.scale - new.scale)",
            "factor",
            "ln(2) of an old reference: at most 14 LN2_ERROR, a quarter of an ulp of 1",
        ),
        (
            "            sums.joined.sum = NAN\n",
            "            pass\n",
            "+inf in a long row: the lanes make nan of it already",
        ),
        is_equivalent=True,
    ),
    *mutants_of(
        "ext/second_sweep.pxi",
        ("        k -= group.scale[i]\n", "        k += group.scale[i]\n", "the reference's power"),
        (
            "e = e if e < largest_exponent else largest_exponent",
            "e = e if e < 0.0 else 0.0",
            "masked classes of heavy rows",
        ),
        (
            "if total != 0.0 and group.nll[i] == group.nll[i] else NAN",
            "if total != 0.0 else NAN",
            "rows without a softmax",
        ),
        ("-s * uniform", "s * uniform", "the smoothing's sign"),
        ("    sweep.most = 1.0\n", "    sweep.most = INFINITY\n", "probabilities above 1"),
        ("    if group.nll[i] != group.nll[i]:\n        total = NAN\n", "", "+inf beside 1e6"),
        (
            "if with_own and begin <= label < end",
            "if with_own and begin < label < end",
            "the label's own gradient in class 0",
        ),
        (
            "if start <= group.label[i] < start + count",
            "if start < group.label[i] < start + count",
            "a certain top in class 0",
        ),
        ("return high if group.nll[i] == group.nll[i] else NAN", "return high", "rows with +inf"),
        (
            "- group.label_part[i] * (group.others[i] / all_classes)",
            "- group.label_part[i] * (1.0 - group.own[i] / all_classes)",
            "1 - p by subtraction",
        ),
    ),
    *mutants_of(
        "ext/exact_sum.pxi",
        ("sign = -1 if bits >> 63 else 1", "sign = 1", "pieces below 0"),
        ("        position -= 1\n", "", "normal numbers are doubled"),
        ("(size >= 4.336808689942018e-19)", "(size >= 0.0)", "tiny losses"),
        ("(size < 2048.0)", "(size < 1e300)", "huge losses"),
        ("MOST_CUT = 4096", "MOST_CUT = 1 << 60", "pieces of very many rows"),
        ("        sums.special += other.special\n", "", "an infinite loss in another thread"),
        dtype="float64",
    ),
    *mutants_of(
        "ext/compensated.pxi",
        (
            "return total.sum + (total.error if isfinite(total.error) else 0.0)",
            "return total.sum",
            "what sums of very many classes lack",
        ),
        dtype="float64",
    ),
    *mutants_of(
        "ext/sweeps.h",
        ("0x1p+0f, 0x1.fffffcp-2f", "0x1p+0f, 0x1.fff8p-2f", "a coefficient of exp"),
        (
            "r[j] = maximum(splat((real)LOWEST), x[j])",
            "r[j] = maximum(x[j], splat((real)LOWEST))",
            "nan is the lowest logit",
        ),
        ("LEAST_POWER = 27.0", "LEAST_POWER = 100.0", "terms below 2**-27"),
        ("else if (have > 0) v", "else if (have > 1) v", "the last class of a row"),
        (
            "minimum(most, fused(p, factor, constant))",
            "minimum(fused(p, factor, constant), most)",
            "nan in a gradient",
        ),
        ("if (n != special && n != whole)", "if (n != whole)", "a label in a whole block"),
        ("LN2_ERROR = 0x1.05c610ca86c39p-29", "LN2_ERROR = 0.0", "logits far from 0"),
    ),
    *mutants_of(
        "ext/functions.h",
        ("x < -800.0 ? -800.0 : x", "x < -80.0 ? -80.0 : x", "losses below 1e-35"),
        ("k == 0.0 ? w_low : 0.0", "0.0", "losses of confident rows"),
    ),
    *mutants_of(
        "ext/arrays.pxi",
        (
            "return <uint64_t> <int64_t> i32 if labels.is_signed else <uint64_t> <uint32_t> i32",
            "return <uint64_t> <uint32_t> i32",
            "int32 labels below 0 that are ignored",
        ),
        ("raw[i] < labels.num_classes else", "raw[i] <= labels.num_classes else", "label C"),
        (" and first % rows.inner + LANES <= rows.inner", "", "groups across the outer axis"),
        ("    for i in range(count, LANES):\n        out[i] = IGNORED\n", "", "rows twice"),
    ),
    *mutants_of(
        "ext/job.pxi",
        ("(targets[k] >= 0.0) & (targets[k] < INFINITY)", "(targets[k] >= 0.0)", "q of inf"),
        ("targets[k] * share + uniform", "targets[k] + uniform", "the table's rows sum to more"),
    ),
    *mutants_of(
        "ext/work.pxi",
        ("(1.0 - job.label_smoothing) * group.weight[i] == 0.0", "False", "labels of no share"),
        (
            (
                "if group.ignored[i] or (job.sample_weight != NULL and job.sample_weight[first "
                "+ i] == 0.0):"
            ),
            "if group.ignored[i]:",
            "rows of weight 0 are kept",
        ),
        ("        if x != x:\n            return x\n", "", "nan in log_sum_exp is inf"),
    ),
    *mutants_of(
        "ext/entry.pxi",
        (
            "bad_row = min(bad_row, job.totals[t].bad_row)",
            "bad_row = max(bad_row, job.totals[t].bad_row)",
            "bad labels in one thread alone",
        ),
        ("num_kept += job.totals[t].kept", "num_kept = job.totals[t].kept", "kept rows of threads"),
        ("                    num_kept -= weight == 0.0\n", "", "gradients of weight 0"),
        (
            (
                "if job.class_weight != NULL and not job.has_probabilities:\n                  "
                "      weight"
            ),
            "if job.class_weight != NULL:\n                        weight",
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
        "ext/halves.h",
        ("bits + 0x7fff + (bits >> 16 & 1)", "bits + 0x8000", "ties of bfloat16 to even"),
        dtype="bfloat16",
    ),
]
