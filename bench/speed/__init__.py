"""Times smoothxent against the machine's limits, NumPy, plain Cython and every peer installed.

python -m bench            each contender in its own process, merged into tables, pictures, one JSON
python -m bench --readme   the README's tables, from the saved JSON
pytest bench/speed         the same measurements in one process, for a quick look

cases.py        the shapes, and the inputs made from them
contenders.py   the peers that are timed, and the fastest of each one's ways
truth.py        the truth in float64
test_speed.py   one measurement: right first, then timed; conftest.py puts them in order
passes.py       one contender in a process of its own
records.py      the saved result, and what follows from it: ratios, fractions of the limit
tables.py, report.py                 the tables, and how they are written
ratios.py, roofline.py, drawing.py   the pictures
"""
