"""Time smoothxent, the limits of the machine, and all other installed libraries.

python -m bench            each contender in its own process; writes tables, pictures and JSON
python -m bench --readme   the README's table, from the saved JSON
pytest bench/speed         the same measurements in one process, for a quick look

cases.py        the shapes and their inputs
contenders.py   the libraries that are timed, and the fastest way of each
truth.py        exact enough results, in float64
test_speed.py   one measurement: check, then time; conftest.py sorts the measurements
passes.py       one contender in a process of its own
records.py      the saved result, with ratios and fractions of the limit
tables.py, report.py                 the tables, for the terminal and in Markdown
ratios.py, roofline.py, drawing.py   the pictures
"""
