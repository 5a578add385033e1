"""Times smoothxent against the NumPy formula and every peer that is installed.

python -m bench     each contender in its own process, merged into one table, one JSON, one picture
pytest bench        the same measurements in one process, for a quick look

Every contender is checked against float64 before it is timed.
"""
