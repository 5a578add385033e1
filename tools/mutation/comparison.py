"""Mutants of the comparison of two models: quantiles, totals, groups, records."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "src/smoothxent/_comparison/sketch.py",
        ("DROPPED_BITS = 42", "DROPPED_BITS = 43", "quantiles of 10 bits"),
        ("(2 * size + 1)", "(2 * size)", "the least number of a key"),
        (" + 0.0,  # not -0.0", ",", "-0.0 is less than 0.0"),
        ("min(max(number, self.least), self.most)", "number", "quantiles beyond all numbers"),
        ("Fraction(str(share))", "Fraction(share)", "shares of ten numbers"),
        ("return self.weights.copy()", "return self.weights", "addition changes a sketch"),
        ("weight << (places - self.places)", "weight", "weights of other units"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/compare.py",
        (
            '    check_class_axis("logits_a", -1, a.array.shape)\n',
            "",
            "an error names an argument that there is not",
        ),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/totals.py",
        (" + _weighted_sum(rests, weights)", "", "the error of equal differences"),
        ("(rank_a < k) != (rank_b < k)", "(rank_a < k) & (rank_b >= k)", "hits of b only"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/pairs.py",
        ("self.weights[rows] > 0", "self.weights[rows] >= 0", "nan in rows without weight"),
        ("out[label] = of_label", "pass", "Brier scores without a label"),
        ("[min(k, num_classes) for k in top_k]", "list(top_k)", "nan in the top of all classes"),
        ("~np.isnan(divergence), out", "True, out", "nan agrees"),
        ("parts[i::threads]", "parts[i : i + 1]", "more parts than threads"),
        ("self.labels[part] != self.ignore_index", "slice(None)", "counts of ignored rows"),
        ("of_rows[kept - part.start]", "of_rows[: len(kept)]", "groups of ignored rows"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/groups/totals.py",
        ("values = values * weights", "values = +values", "weights in groups"),
        ("count[its_places] += part.count", "count[its_places] = part.count", "shared groups"),
        ("and np.array_equal(self.count, other.count)", "", "unequal counts"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/groups/compared_groups.py",
        ("self._totals.ids[self._totals.count > 0]", "self._totals.ids", "ignored groups"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/groups/record.py",
        ('        "weight": (weight, totals.weight.total()),\n', "", "weights of other groups"),
        ("abs(each.units)", "each.units", "hits of a beyond the weight"),
    ),
    *mutants_of(
        "src/smoothxent/_comparison/record.py",
        ("if name not in OF_EACH", "if False", "evaluations of unequal settings"),
        ('    _check_same("weight_square"', '    str("weight_square"', "unequal weights"),
    ),
]
