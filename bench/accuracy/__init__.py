"""Accuracy of losses, gradients and softmaxes, from exact values: python -m bench.accuracy.

regimes.py     ways to draw random rows, and the difficulty of each
settings.py    sets of options, and their exact coefficients
problems.py    arrays for each regime, dtype and number of classes
exact.py       exact values of rows, up to 262,144 classes
ulps.py        exact values as arrays, errors in units of the last place
bounds.py      the promised bounds of the errors
comparison.py  errors of results, relative to their bounds
libraries.py   the libraries that are compared; processes.py runs each in a process of its own
records.py, report.py, picture.py  the saved result; docs/accuracy.md and .png, written from it
"""
