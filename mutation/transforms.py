"""Mutants of what becomes of logits, and of logits that come in blocks."""

from mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/transforms.h",
        ("maximum(twice, sub(splat(0), twice))", "twice", "tanh of negative numbers"),
        ("add(less_one, splat(2))", "add(less_one, splat(1))", "1 - exp(-2 x)"),
        ("where_less(x, splat(0), sub(splat(0), t), t)", "t", "tanh has no sign"),
        ("FLAT = 20.0;", "FLAT = 10.0;", "tanh ends below 1"),
        ("of.temperature == 1 ? x : divide", "of.softcap != 0 ? x : divide", "no temperature"),
        ("divide(x, splat(of.temperature))", "mul(x, splat(1 / of.temperature))", "a rounding"),
        ("slope = mul(sub(one, t), add(one, t))", "slope = sub(one, t)", "a slope of tanh"),
        ("mul(x, splat(of.temperature)), splat(1 / of.softcap)", "x, splat(1)", "tanh again"),
        ("mul(slope, splat(1 / of.temperature))", "slope", "gradients without a temperature"),
        ("for (; k < count; k++) values", "for (; k < 0; k++) values", "the last slopes"),
        ("if (k < count) store_logits_part", "if (0) store_logits_part", "the last logits"),
    ),
    *mutants_of(
        "ext/columns.h",
        ("transformed(quad[k], of)", "quad[k]", "few classes are left as they are"),
    ),
    *mutants_of(
        "ext/few_classes.pxi",
        (
            "        of_label = mul(of_label, slopes(",
            "        mul(of_label, slopes(",
            "the label's",
        ),
        (
            "values.v[k] = mul(values.v[k], slopes(x, job.transform))",
            "values.v[k] = mul(values.v[k], values.v[k])",
            "squares for slopes",
        ),
    ),
    *mutants_of(
        "ext/second_sweep.pxi",
        (
            "            times_slopes(values",
            "            slope_at(values[0], job.transform)  #",
            "none",
        ),
        ("own *= slope_at(", "slope_at(", "the label's slope"),
    ),
    *mutants_of(
        "ext/loss.pxi",
        ("    if job.z_loss != 0.0:\n", "    if False:\n", "no z_loss"),
        ("+ (g.offset[i] - g.scale[i] * STEP", "+ (g.offset[i] + g.scale[i] * STEP", "lse"),
        ("job.z_loss * log_sum_exp * log_sum_exp", "job.z_loss * log_sum_exp", "lse for lse**2"),
        ("+= 2.0 * job.z_loss * log_sum_exp", "+= job.z_loss * log_sum_exp", "half a gradient"),
        (
            "        if g.kept[i]:\n            log_sum_exp",
            "        if True:\n            log_sum_exp",
            "z",
        ),
    ),
    *mutants_of(
        "ext/shares.h",
        ("split_f64(OP_F64(max)(of, SUB(zero, of)), &e)", "split_f64(of, &e)", "g below 0"),
    ),
    *mutants_of(
        "ext/job.pxi",
        (
            "return transform_logit(x, job.transform) if job.transforms else x",
            "return x",
            "a label's logit is left as it is",
        ),
    ),
    *mutants_of(
        "ext/blocks.pxi",
        ("first_class * rows.class_stride", "0 * rows.class_stride", "later blocks are misplaced"),
        (
            "self.parts.first * rows.outer_stride",
            "0 * rows.outer_stride",
            "later rows are misplaced",
        ),
        ("first_segment + item % each", "item % each", "later segments are the first"),
        ("if not in_groups(&self.job):\n", "if True:\n", "groups of few classes are joined"),
        ("return job.num_classes <= TILE", "return job.num_classes < 0", "never in groups"),
        ("min(<Py_ssize_t> LANES, num_rows - g * LANES)", "LANES", "groups that are not full"),
        (
            "add_smoothing(job, label_smoothing, prior)",
            "add_smoothing(job, 0.0 * label_smoothing, prior)",
            "no smoothing",
        ),
    ),
    *mutants_of(
        "src/smoothxent/_fused.py",
        ("type(z_loss) is not float or z_loss != 0.0", "False", "z_loss alone"),
        ("type(temperature) is not float or temperature != 1.0", "False", "a temperature alone"),
        ("        softcap is not None\n        or type", "        type", "a soft cap alone"),
        ("if half and _widened.is_needed(half, transforms):", "if False:", "halves are rounded"),
    ),
    *mutants_of(
        "src/smoothxent/_head.py",
        ("if self._held == classes:", "if True:", "gradients of another block"),
        (
            "        self._held = None\n        return",
            "        return",
            "a block is overwritten twice",
        ),
        ("block += self._bias", "block -= self._bias", "the bias has another sign"),
        ("to.weight[part] +=", "to.weight[part] =", "the gradient of the last rows alone"),
        ("to.hidden[rows] +=", "to.hidden[rows] =", "the gradient of the first classes alone"),
        ("to.bias[classes] +=", "to.bias[classes] =", "the gradient of the last rows alone"),
        ("min(weight.strides) > 0", "True", "a broadcast weight"),
        ("logits += self._bias.take(labels", "self._bias.take(labels", "labels without a bias"),
    ),
    *mutants_of(
        "src/smoothxent/_labelled_head.py",
        (
            "self.labels = targets.flatten()",
            "self.labels = targets.reshape(-1)",
            "a race",
        ),
        ("if not head.is_one_block:", "if False:", "labels' logits in no block"),
        ("np.where(ignored, 0, labels)", "np.where(ignored, 1, labels)", "ignored rows"),
        ("np.where(ignored[:, None], self.dtype.type(0), hidden)", "hidden", "nan times 0"),
        ("reversed(head.class_blocks())", "head.class_blocks()", "a product more"),
    ),
    *mutants_of(
        "src/smoothxent/_widened.py",
        ("special += of_others", "special = of_others", "nan of an earlier block"),
        ("part.rows.start + bad_row", "bad_row", "a bad label's row"),
        ("(total << (shift - places))", "total", "blocks of other units"),
        ("(weight << (shift - places))", "weight", "blocks of other units"),
        ("kept + count[1]", "count[1]", "rows that are kept"),
        ("num_rows + count[0]", "count[0]", "rows"),
        ("transforms[:2] != (0.0, 1.0)", "True", "z_loss alone"),
        ("(outer.stop - 1) * num_inner + stop", "outer.stop * num_inner", "rows of inner blocks"),
    ),
    *mutants_of(
        "src/smoothxent/_halves.py",
        ("np.uint32(0x7FFF)", "np.uint32(0x8000)", "ties away from even"),
        ("& np.uint32(1))", "& np.uint32(0))", "ties down"),
        ("np.where(np.isnan(array), quiet, rounded)", "rounded", "nan becomes a number"),
    ),
    *mutants_of(
        "src/smoothxent/_checks.py",
        (
            "    if not 0.0 <= number < np.inf:\n",
            "    if not 0.0 <= number:\n",
            "an infinite z_loss",
        ),
        ("    if not 0.0 <= number < np.inf:\n", "    if not number < np.inf:\n", "z_loss below 0"),
    ),
]
