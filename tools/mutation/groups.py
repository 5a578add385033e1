"""Mutants of groups and classes: ids, exact sums of groups, their metrics and records."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "src/smoothxent/_arguments/groups.py",
        ("if most - least < MOST_IDS_EACH * len(ids)", "if True", "a table of ids far apart"),
        ("np.flatnonzero(is_used) + least", "np.flatnonzero(is_used)", "negative ids"),
        ("flat.max() > np.iinfo(np.int64).max", "False", "ids above int64"),
        ("if array.shape != row_shape:", "if array.size != len(row_shape):", "shapes"),
    ),
    *mutants_of(
        "src/smoothxent/_kernel/digits.py",
        (
            "start, end = carry(digits)",
            "start, end = carry(digits)[0] * 0, None",
            "needless digits",
        ),
        ("if needed.any() else 0", "", "zeros of another size"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/sums/group_sums.py",
        ("return np.where((tails != 0) & is_even,", "return np.where(tails != 0,", "odd rests"),
        ("total + _to_odd(rest, tail)", "total + rest", "rests that are ties"),
        (
            "np.where(is_negative[:, np.newaxis], -self.digits, self.digits)",
            "self.digits",
            "digits of negative sums",
        ),
        ("        if special.any():", "        if False:", "the finite part beside inf"),
        ("-sizes, sizes) + self.special", "-sizes, sizes)", "inf and nan"),
        ("(part.lowest - lowest) // DIGIT for", "0 for", "parts of other units"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/row_metrics.py",
        ("np.where(self.weight == 0, np.minimum(values, LARGEST), values)", "values", "0 inf"),
        ("is_kept = flat != ignore_index", "is_kept = flat == flat", "ignored rows"),
        ('np.errstate(over="ignore")', "np.errstate()", "products that overflow"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/clustered_error.py",
        ("* size / (size - 1)", "", "the correction for few groups"),
        ("(weights > 0).sum()", "(weights >= 0).sum()", "groups of weight 0"),
        ("(deviations / largest) ** 2", "deviations**2 / largest / largest", "huge squares"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/grouped_evaluation.py",
        ("> MOST_EVALUATIONS:", "> 99:", "evaluations of too many groups"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/metrics.py",
        ("mean(means[self.weight > 0])", "mean(means)", "macro means of weight 0"),
        ("return self._groups.counted()", "return self._groups", "ignored groups"),
        ("np.equal(self._counted.misses, 0)", "self.hits == self.weight", "misses of weight 0"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/totals.py",
        ("groups.of_rows[rows.is_kept]", "groups.of_rows[: len(rows.nll)]", "rows of groups"),
        ("count[its_places] += part.count", "count[its_places] = part.count", "counts"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/accumulator.py",
        ("            self.merged()\n", "            self._parts = []\n", "parts that wait"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/groups/record.py",
        ("if of_groups != of_rows:", "if False:", "sums of other groups"),
        ("if of_group != of_rows:", "if False:", "evaluations of other rows"),
        ("if (misses > count).any():", "if False:", "more misses than rows"),
        ("sorted(set(ids)) != ids", "sorted(ids) != ids", "two groups of one id"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/classes/totals.py",
        ("is_predicted = rows.top_class >= 0", "is_predicted = rows.top_class >= -1", "nan"),
        ("            is_predicted &= rows.weight > 0\n", "            pass\n", "weight 0"),
        (
            "rows.weights(labels, len(classes), rows.is_hit)",
            "rows.weights(labels, len(classes))",
            "0",
        ),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/classes/metrics.py",
        ("quotient(self.hits, self.predicted)", "quotient(self.hits, self.support)", "precision"),
        ("(self.support > 0) | (self.predicted > 0)", "self.support > 0", "never a label"),
        ("mean(self.recall[self.support > 0])", "self.macro_recall", "balanced accuracy"),
        ("self.support / 2 + self.predicted / 2", "(self.support + self.predicted) / 2", "huge"),
        ("np.lexsort((-self.nll[counted],", "np.lexsort((self.nll[counted],", "equal recall"),
    ),
    *mutants_of(
        "src/smoothxent/_evaluation/classes/record.py",
        ("if of_classes != of_rows:", "if False:", "sums of other classes"),
        ('("weight", "predicted")', '("weight",)', "more hits than predictions"),
        ("bool(rows) or each != ZERO", "bool(rows)", "classes that are no label"),
    ),
    *mutants_of(
        "src/smoothxent/_files/groups.py",
        ("all(map(INTEGER.fullmatch, lines))", "True", "007 is 7"),
    ),
    *mutants_of(
        "src/smoothxent/_files/readers/text.py",
        ('removesuffix("\\n").split("\\n")', "splitlines()", "line ends of Unicode"),
    ),
    *mutants_of(
        "ext/results/row_results.pxi",
        ("                kept[j] = 0.0\n", "", "rows are added for each row of their slice"),
        ("if kept[j] != 0.0 and call", "if kept[j] != 0.0 or call", "rows of other slices"),
    ),
    *mutants_of(
        "ext/results/metrics.pxi",
        ("group.highest_tile[i] if call.num_classes > TILE else 0", "0", "top classes of tiles"),
        ("    if group.rank[i] == 0.0:\n        return group.label[i]\n", "", "labels on top"),
        ("    if group.nll[i] != group.nll[i]:\n        return NO_CLASS\n", "", "nan"),
    ),
    *mutants_of(
        "ext/statistics/merge.pxi",
        ("        row.highest_tile = other.highest_tile\n", "", "tiles of later segments"),
    ),
]
