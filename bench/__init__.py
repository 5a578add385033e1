"""Times smoothxent against the machine's limits, NumPy, plain Cython and every peer installed.

python -m bench            each contender in its own process, merged into tables, pictures, one JSON
python -m bench --readme   the README's tables, from the saved JSON
pytest bench               the same measurements in one process, for a quick look

cases.py        the shapes, and the inputs made from them
contenders/     everyone who is timed, one file a family; ours.py holds the limits as well
reference.py    the NumPy formula, and the truth in float64
test_speed.py   one measurement: right first, then timed; conftest.py puts them in order
processes.py    one contender in a process of its own
load.py         how much of the machine others used meanwhile
records.py      the saved result, and what follows from it: ratios, fractions of the limit
tables.py, report.py                 the tables, and how they are written
ratios.py, roofline.py, drawing.py   the pictures

Measurements of their own: instructions.py (counted.py), accuracy/, promises/; and, by duels.py,
torch_drop_in.py, jax_in_jit.py and linear_head.py.
"""
