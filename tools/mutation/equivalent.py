"""Mutants that change no promised result: the path, the key that `make mutants` prints, why."""

EQUIVALENT = {
    ("src/smoothxent/_evaluation/calibration.py", "2ca837b7"): "equal pools have the same value",
    ("src/smoothxent/_totals/exact.py", "833329b0"): "inf and nan have no units",
    ("src/smoothxent/_kernel/widening.py", "2e2c0671"): "the same numbers, later",
    ("ext/lanes/pairs.h", "91cd99fb"): "at most half an ulp of the log, where w is 1",
    ("ext/statistics/long_rows.pxi", "9306d7be"): "the lanes make nan of +inf already",
    ("ext/statistics/merge.pxi", "468bb53e"): "the row's own top is the largest of all",
}
