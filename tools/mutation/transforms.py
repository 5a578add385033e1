"""Mutants of what becomes of logits, and of logits that come in blocks."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "ext/call/transforms.h",
        ("maximum(twice, sub(zero, twice))", "twice", "tanh of negative numbers"),
        ("add(less_one, splat(2))", "add(less_one, splat(1))", "1 - exp(-2 x)"),
        ("where_less(x, zero, sub(zero, t), t)", "t", "tanh has no sign"),
        ("FLAT = 20.0;", "FLAT = 10.0;", "tanh ends below 1"),
        (
            "transform.temperature == 1 ? x : divide",
            "transform.softcap != 0 ? x : divide",
            "no temperature",
        ),
        (
            "divide(x, splat(transform.temperature))",
            "mul(x, splat(1 / transform.temperature))",
            "a rounding",
        ),
        ("slope = mul(sub(one, t), add(one, t))", "slope = sub(one, t)", "a slope of tanh"),
        (
            "mul(x, splat(transform.temperature)), splat(1 / transform.softcap)",
            "x, splat(1)",
            "tanh again",
        ),
        (
            "mul(slope, splat(1 / transform.temperature))",
            "slope",
            "gradients without a temperature",
        ),
        ("for (; k < count; k++) values", "for (; k < 0; k++) values", "the last slopes"),
        ("if (k < count)\n        store_logits_part", "if (0) store_logits_part", "the last ones"),
    ),
    *mutants_of(
        "ext/statistics/few_classes.h",
        ("transformed(quad[k], transform)", "quad[k]", "few classes are left as they are"),
    ),
    *mutants_of(
        "ext/results/few_classes_gradients.pxi",
        (
            "        sweep.few.anchor_gradient = mul(sweep.few.anchor_gradient, slopes(",
            "        mul(sweep.few.anchor_gradient, slopes(",
            "the label's",
        ),
        (
            "splat(<real> k), x, mul(x, slope))",
            "splat(<real> k), x, mul(x, x))",
            "squares for slopes",
        ),
    ),
    *mutants_of(
        "ext/results/gradients.pxi",
        (
            "            times_slopes(values",
            "            slope_at(values[0], call.transform)  #",
            "none",
        ),
        ("anchor_gradient *= slope_at(", "slope_at(", "the label's slope"),
    ),
    *mutants_of(
        "ext/results/losses.pxi",
        ("    if call.z_loss != 0.0:\n", "    if False:\n", "no z_loss"),
        ("+ (g.offset[i] - g.scale[i] * STEP", "+ (g.offset[i] + g.scale[i] * STEP", "lse"),
        ("+= slope * log_sum_exp", "+= slope", "lse for lse**2"),
        ("+= 2.0 * slope", "+= slope", "half a gradient"),
        ("(g.anchor_share[i] + g.rest_share[i]) * call", "call", "no class weights"),
        (
            "        if g.kept[i]:\n            log_sum_exp",
            "        if True:\n            log_sum_exp",
            "z",
        ),
    ),
    *mutants_of(
        "ext/call/logits.pxi",
        (
            "return transform_logit(x, call.transform) if call.transforms else x",
            "return x",
            "a label's logit is left as it is",
        ),
    ),
    *mutants_of(
        "ext/run/blocks.pxi",
        ("first_class * rows.class_stride", "0 * rows.class_stride", "later blocks are misplaced"),
        ("first_row * rows.outer_stride", "0 * rows.outer_stride", "later rows are misplaced"),
        ("first = first_class // SEGMENT", "first = 0", "later segments are the first"),
        ("self.groups + first_row // LANES", "self.groups", "later parts are the first"),
        (
            "if not reads_whole_rows(&self.call):\n",
            "if True:\n",
            "groups of few classes are joined",
        ),
        ("return call.num_classes <= TILE", "return call.num_classes < 0", "never in groups"),
        ("min(<Py_ssize_t> LANES, num_rows - g * LANES)", "LANES", "groups that are not full"),
        ("return row_or_none(totals_at", "return -1 + 0 * row_or_none(totals_at", "a bad row"),
        (
            "        add_smoothing(call)\n",
            "        call.label_smoothing = 0.0\n        add_smoothing(call)\n",
            "no smoothing",
        ),
    ),
    *mutants_of(
        "src/smoothxent/_linear/head.py",
        ("block += _take(self._bias", "block -= _take(self._bias", "the bias has another sign"),
        ("rows.start == 0, classes", "True, classes", "the gradient of the last rows alone"),
        ("classes.stop == self.num_classes", "True", "the gradient of the first classes alone"),
        ("            is_first_of_rows = False\n", "", "the gradient of the last part alone"),
        ("    if is_first:\n", "    if False:\n", "gradients are added to what lay there"),
        ("to.bias[classes] +=", "to.bias[classes] =", "the gradient of the last rows alone"),
        ("min(weight.strides) > 0", "True", "a broadcast weight"),
        ("logits += _take(self._bias, labels", "_take(self._bias, labels", "labels without a bias"),
    ),
    *mutants_of(
        "src/smoothxent/_linear/labelled_head.py",
        ("array.flatten()", "array.reshape(-1)", "a race"),
        ("shape = self.labels.shape", "pass", "probabilities of rows on two axes"),
        ("self._check_row(blocks.finish", "(blocks.finish", "probabilities that change meanwhile"),
        ("indices is not None and not head.is_one_block", "False", "labels' logits in no block"),
        ("np.where(ignored, 0, labels)", "np.where(ignored, 1, labels)", "ignored rows"),
        ("np.where(ignored[:, None], self.dtype.type(0), hidden)", "hidden", "nan times 0"),
        ("reversed(head.class_blocks())", "head.class_blocks()", "gradients of other blocks"),
        ("np.empty if self.num_rows else np.zeros", "np.empty", "gradients of no rows"),
        ("(block[n : n + step], n, classes", "(block[n : n + step], 0, classes", "parts"),
        ("range(0, len(block), step)", "range(0, len(block) - 1, step)", "the last row"),
    ),
    *mutants_of(
        "src/smoothxent/_linear/workers.py",
        ("self._others = num_threads - 1", "self._others = num_threads", "a thread too many"),
        ("self._others = num_threads - 1", "self._others = 0", "one thread does it all"),
        ("len(left) - 1", "len(left)", "a thread for nothing"),
        ("if not helper.cancel():", "if False:", "errors of other threads are lost"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/widening.py",
        ("special + block_special", "block_special", "nan of an earlier block"),
        ("block.rows.start + bad_row", "bad_row", "a bad label's row"),
        ("(total << shift)", "total", "blocks of other units"),
        ("(weight << shift)", "weight", "blocks of other units"),
        ("num_kept + count[NUM_KEPT]", "count[NUM_KEPT]", "rows that are kept"),
        ("num_rows + count[NUM_ROWS]", "count[NUM_ROWS]", "rows"),
        ("(outer.stop - 1) * num_inner + stop", "outer.stop * num_inner", "rows of inner blocks"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/widening.py",
        ("transforms[:2] != (0.0, 1.0)", "True", "the same numbers, for z_loss alone too, later"),
        is_equivalent=True,
    ),
    *mutants_of(
        "src/smoothxent/_arguments/half.py",
        ("np.uint32(0x7FFF)", "np.uint32(0x8000)", "ties away from even"),
        ("& np.uint32(1))", "& np.uint32(0))", "ties down"),
        ("np.where(np.isnan(array), quiet, rounded)", "rounded", "nan becomes a number"),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/options.py",
        ("if not 0.0 <= number <= MOST_SCALE:", "if not 0.0 <= number:", "z_loss of inf"),
        ("if not 0.0 <= number <= MOST_SCALE:", "if number > MOST_SCALE:", "z_loss of -1"),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/options.py",
        ("and temperature == 1.0 and z_loss == 0.0:", "and temperature == 1.0:", "z_loss alone"),
        (
            "and temperature == 1.0 and z_loss == 0.0:",
            "and z_loss == 0.0:",
            "a temperature alone",
        ),
        ("if are_floats and softcap is None and ", "if are_floats and ", "a soft cap alone"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/widening.py",
        (
            "return transforms is not None and dtype_name in HALVES and",
            "return False and",
            "halves are rounded",
        ),
    ),
]
