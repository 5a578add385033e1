"""Time smoothxent and all other installed libraries.

python -m bench            each contender in its own process; writes tables, a picture and JSON
python -m bench --readme   the README's table, from the saved JSON
pytest bench/speed         the same measurements in one process, for a quick look

cases.py        the shapes and their inputs
contenders.py   the libraries that are timed, and the fastest way of each
truth.py        exact enough results, in float64
test_speed.py   one measurement: check, then time; conftest.py sorts the measurements
passes.py       one contender in a process of its own
records.py      the saved result, with ratios
tables.py, report.py    the tables, for the terminal and in Markdown
ratios.py, drawing.py   the picture
"""
