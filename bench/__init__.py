"""What was measured, and how: speed, accuracy, promises.

peers/        each library wrapped once, for all of the following
speed/        python -m bench: every peer against ours, and ours against the machine's limits
accuracy/     python -m bench.accuracy: errors in ulps against exact values
promises/     python -m bench.promises: the tables of docs/promises.md
results/      the saved figures, written by saved.py with a record a line

neighbours.py                  the loss where it is used: after a product, beside a busy process
instructions.py, counted.py    instructions of a call, against those saved
duels.py                       calls that do the same, in turns: torch_drop_in.py, jax_in_jit.py,
                               linear_head.py
children.py                    one way to run a child process
load.py                        how much of the machine others used meanwhile
figures.py                     figures as text, tables
"""
