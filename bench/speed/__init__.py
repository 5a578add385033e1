"""Time smoothxent and all other installed libraries.

python -m bench            each contender in its own process; writes tables, a picture and JSON
python -m bench --redraw   page, picture and the README's table, from the saved JSON

cases.py        the shapes and their inputs
truth.py        exact enough results, in float64
stopwatch.py    the measurements of one contender, by pytest-benchmark: check, then time
passes.py       runs it in a process of its own
records.py      the saved result, with ratios
tables.py, report.py    the tables, for the terminal and in Markdown
ratios.py, drawing.py   the picture
"""
