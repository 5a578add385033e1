"""Judges losses, gradients and softmaxes against exact values: python -m bench.accuracy.

regimes.py     the ways to draw rows, each with what makes it hard
settings.py    the options, and the exact coefficients that they stand for
problems.py    both made into arrays, by dtype and number of classes
exact.py       exact values of rows, of 262,144 classes too
ulps.py        exact values as arrays, errors in units of the last place
bars.py        what is promised
judge.py       results against exact values
libraries.py   who is judged; processes.py gives each a process of its own
records.py, report.py  the saved result, and the pages of docs/ made of it
"""
