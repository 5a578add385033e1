"""Mutants of the search for a temperature, and of its result."""

from tools.mutation import mutants_of

MUTANTS = [
    *mutants_of(
        "src/smoothxent/_calibration/fit.py",
        ("LEAST_DECREASE = 2.0**-33", "LEAST_DECREASE = 2.0**-18", "the search ends too early"),
        ("ROUNDING = 2.0**-20", "ROUNDING = 0.0", "rounding errors count as a rising nll"),
        ("FARTHEST = math.log(8)", "FARTHEST = 0.3", "steps without a bracket are short"),
        ("DIGITS = 8", "DIGITS = 17", "a printed temperature is another one"),
        ("TINY = 1e-6", "TINY = 1.0", "ties are not noticed at the lower bound"),
        ("return self.nll - self.entropy", "return self.nll - 0.99 * self.entropy", "the slope"),
        ("        if not self.entropy:  #", "        if False:  #", "a slow start at entropy 0"),
        ("            count += 1\n", "", "the read that shows a minimum is not counted"),
        ('            return fitted("lower")', "            return fitted()", "no lower bound"),
        ('            return fitted("upper")', "            return fitted()", "no upper bound"),
        ("_interpolated(reads[-3:], limit)", "math.nan", "no interpolation: slow at the end"),
        ("min(low.entropy *", "max(low.entropy *", "absent classes make the search slow"),
        ("is_known or abs", "abs", "the same temperature is read again and again"),
        ("        _check_finite(last.evaluation)\n", "", "rows with nan give a temperature"),
        ("if totals.hits[0] == totals.sums.weight:", "if evaluation.accuracy == 1:", "rounded"),
        ("    if not evaluation.weight:\n", "    if False:\n", "weights of 0 give a temperature"),
        ("return _always_right()\n    return", "pass\n    return", "ties are called equal logits"),
        ("(softcap, temperature, 0.0)", "(None, temperature, 0.0)", "the soft cap is dropped"),
    ),
    *mutants_of(
        "src/smoothxent/_calibration/fit_temperature_file.py",
        ("stacklevel=4", "stacklevel=3", "a warning of a line in the library"),
        ("num_threads, progress, stacklevel)", "num_threads, None, stacklevel)", "no progress"),
    ),
    *mutants_of(
        "src/smoothxent/_calibration/temperature.py",
        ("return self.evaluation_before.nll", "return self.evaluation.nll", "nll after for before"),
    ),
]
