"""What smoothxent and its peers return in the cases that the promises are about.

cases.py       the cases, each with its exact value, by the table of docs/promises.md they stand in
child.py       a few cases put to one library, in a process of its own
processes.py   starts these processes, and says what became of each: an answer, a crash, no end
page.py        the tables of docs/promises.md
"""
