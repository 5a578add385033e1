"""Benchmarks of speed, accuracy and promises.

peers/        a wrapper for each library, used by all benchmarks
test_numpy.py   pytest bench/test_numpy.py: smoothxent and the NumPy reference, six shapes
speed/        python -m bench: smoothxent and the other libraries
accuracy/     python -m bench.accuracy: errors in ulps, from exact values
promises/     python -m bench.promises: the tables of docs/promises.md
results/      the saved figures, written by saved.py with one record on each line

neighbours.py                  the loss in use: after a matrix product, next to a busy process
instructions.py, counted.py    instruction counts of calls, compared with the saved counts
duels.py                       equivalent calls, timed in turns: torch_drop_in.py, jax_in_jit.py,
                               linear_head.py
children.py                    child processes
machine.py                     the CPU, and the CPU time of other processes during a run
figures.py                     figures as text, tables
"""
