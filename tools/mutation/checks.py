"""Mutants of the Python files."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "src/smoothxent/_arguments/outputs.py",
        ("if not value.flags.writeable:", "if False:", "a read-only out is written"),
        ("        if value.dtype != FLOAT32:\n", "        if False:\n", "another error text"),
        ("if not (same_place and same_steps):", "if not (same_place or same_steps):", "overlap"),
        (
            " or isinstance(value, np.ma.MaskedArray):\n        remedy",
            ":\n        remedy",
            "the mask of an out is dropped",
        ),
        ("array.strides == logits.strides and array", "array", "an overlap is in place"),
        (" and array.itemsize == logits.itemsize", "", "float32 over halves is in place"),
        ('    if reduction != "none":\n', "    if False:\n", "out of a sum is left as it was"),
        (
            "        if value is None:\n            continue\n",
            "        if value is None or other != 'logits':\n            continue\n",
            "an out may overlap a weight",
        ),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/options.py",
        (
            "return ~((array >= 0) & (array < np.inf))",
            "return ~((array >= 0) & (array <= np.inf))",
            "an infinite probability is smoothed",
        ),
        (
            "if not 0.0 <= number <= 1.0:",
            "if not 0.0 <= number < 1.0:",
            "full smoothing raises an error",
        ),
        ("LEAST_SCALE <= number <=", "0.0 < number <=", "a softcap of 1e-46 is none in float32"),
        ("LEAST_SCALE <= number <= MOST_SCALE", "LEAST_SCALE <= number", "softcap of 1e39"),
        ("isinstance(value, bool) or not", "not", "label_smoothing=True is 1"),
        (
            "    if not isinstance(value, bool | np.bool_):\n        try",
            "    if True:\n        try",
            "num_threads=True is 1",
        ),
        ("    if number < 1:\n", "    if number < 0:\n", "0 threads are asked for"),
        ("limits.min <= number <= limits.max", "limits.min <= number < limits.max", "the largest"),
        ("limits.min <= number <= limits.max", "True", "an ignore_index is cut to the dtype"),
        (
            "    if not are_indices:\n",
            "    if False:\n",
            "ignore_index with probabilities is dropped",
        ),
        ("and not (flat.min() >= 0 and", "and not (", "a negative weight is taken"),
        ("flat.max() < np.inf)", "flat.max() <= np.inf)", "an infinite weight is taken"),
        (
            (
                '    if array.shape != shape:\n        raise ValueError(f"{name} must have '
                'shape {shape}, got {array.shape}")\n    flat'
            ),
            "    flat",
            "weights of any shape are taken",
        ),
        ("PRIOR_SUM_TOLERANCE = 1e-6", "PRIOR_SUM_TOLERANCE = 1e-3", "a prior of sum 1.0005"),
        ("PRIOR_SUM_TOLERANCE = 1e-6", "PRIOR_SUM_TOLERANCE = 1e-9", "a prior in float32"),
        ("except (KeyError, TypeError):", "except KeyError:", "an unhashable reduction"),
        ("            check_products(w, s)\n", "            pass\n", "products that overflow"),
        ("if math.isinf(largest[0] * largest[1]):", "if False:", "products of an evaluation"),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/labels.py",
        (
            "            check_integers(array)  # an error about the dtype is more helpful\n",
            "            pass\n",
            "float labels of a wrong shape are a ValueError",
        ),
        (
            'if array.dtype.kind not in "iu":',
            'if array.dtype.kind not in "iub":',
            "bool labels are class indices",
        ),
        ("kind in TEXT or (", "(", "names of classes without a remedy"),
        ("(array.size and isinstance(array.flat[0], str))", "False", "objects that are names"),
        (
            'if array.dtype.kind not in "iuf":\n        remedy = "; convert with labels',
            'if array.dtype.kind not in "iufb":\n        remedy = "; convert with labels',
            "bool labels are probabilities",
        ),
        ("| (indices >= num_classes)", "| (indices > num_classes)", "label C is in the table"),
        ("bad = (indices < 0) |", "bad = (indices < -1) |", "label -1 wraps in the table"),
        (
            "int(np.moveaxis(bad, axis, -1).argmax()) // array",
            "int(bad.argmax()) // array",
            "the wrong row is named where classes are not last",
        ),
        ("return array if array.dtype in INTEGERS", "return array if True", "float class indices"),
    ),
    *mutants_of(
        "src/smoothxent/_loss/reductions.py",
        ("empty=math.nan),  # PyTorch", "empty=0.0),  # PyTorch", "the mean of nothing is 0"),
        ("        if special:\n", "        if False:\n", "a nan row does not show"),
        ("math.inf if self.empty == 0 else math.nan", "math.nan", "gradient over nothing is nan"),
        (
            "            return math.inf\n",
            "            return 0.0\n",
            "a sum beyond the largest float is 0",
        ),
        ("count[NUM_KEPT] << count[PLACES]", "count[NUM_ROWS] << count[PLACES]", "ignored rows"),
        (
            "itemgetter(WEIGHT), empty",
            "lambda count: count[NUM_KEPT] << count[PLACES], empty",
            "the mean forgets the weights",
        ),
        ("count[NUM_ROWS] << count[PLACES], empty", "count[NUM_ROWS], empty", "not in units"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/views.py",
        ("if axis == 1 and ndim == 2:", "if ndim == 2:", "classes on axis 0 are taken for rows"),
        ("np.moveaxis(array, axis, cut)", "array", "classes in the middle stay there"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/runtime.py",
        ('if not _policies("GOMP_SPINCOUNT"):', "if False:", "spins for milliseconds"),
        ('if not _policies("GOMP_SPINCOUNT"):', "if True:", "the policy of the user"),
        ("is_ours, is_gnu = path not in before,", "is_ours, is_gnu = True,", "whose runtime it is"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/threads.py",
        ("threads > 1 and kernel.is_in_debt()", "False", "teams that come late"),
        ("if num_threads is None and threads", "if threads", "a number that was asked for"),
        ("min(limit, _most() if _IS_SET_BY_USER else _usable_cpus())", "limit", "quotas"),
        ("int(quota) / int(period)", "float(quota)", "the period of a quota"),
        ('in {"max", "-1"}', 'in {"max"}', "no quota in version 1 is one of -1"),
        ("for folder in (group, *group.parents)", "for folder in (group,)", "a parent's quota"),
        ("    return max(1, int(min(", "    return (int(min(", "half a CPU is no thread"),
        ("return min(num_threads, _most())", "return num_threads", "a million threads"),
        ("if num_logits < _LEAST_PARALLEL:", "if False:", "a team for a single row"),
    ),
    *mutants_of(
        "src/smoothxent/_loss/cross_entropy.py",
        ('check_in_place_or_apart("grad_out", grad, logits)', "pass", "overlaps the logits"),
    ),
    *mutants_of(
        "src/smoothxent/_loss/smoothing.py",
        ("(1.0 - eps) * targets", "targets", "rows sum to more than 1"),
        ("smoothed += eps / size", "smoothed += eps", "rows sum to more than 1"),
        ("if targets.dtype == np.float32 else", "if False else", "float32 tables become float64"),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/logits.py",
        ("    if name != own:\n", "    if False:\n", "another dtype than the logits' is believed"),
        ("-ndim <= position < ndim", "-ndim <= position <= ndim", "axis ndim is taken"),
        (
            "if not shape[position] and 0 not in row_shape",
            "if not shape[position]",
            "no rows of no classes raise an error",
        ),
        ("return position % ndim", "return position", "an axis from the end"),
        ('if own == "uint16" and name in HALVES:', "if name in HALVES:", "int16 is bits"),
        (
            "return np.dtype(dtype.char) if dtype in FLOATS else FLOAT32",
            "return np.dtype(dtype.char)",
            "losses in half types",
        ),
        ("return np.dtype(dtype.char) if", "return dtype if", "metadata of another call's dtype"),
    ),
    *mutants_of(
        "src/smoothxent/_arguments/outputs.py",
        (
            "if written is not target and not np.may_share_memory",
            "if written is not target and np.may_share_memory",
            "strided outs get nothing",
        ),
        ("if array.flags.carray else", "if True else", "losses are written side by side"),
    ),
    *mutants_of(
        "src/smoothxent/_loss/cross_entropy.py",
        (
            "if out is not None or grad_out is not None or (has_grad",
            "if out is not None or (has_grad",
            "grad_out is written before the labels are read",
        ),
        (" or (has_grad and has_weights):", ":", "gradients of weights: what they weigh"),
        (
            "= kernel.tally(logits, labels, targets)\n        if bad_row >= 0:\n",
            "= kernel.tally(logits, labels, targets)\n        if False:\n",
            "outs are harmed",
        ),
    ),
]
