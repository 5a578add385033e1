"""Results of smoothxent and of other libraries for the cases of docs/promises.md.

cases.py       the cases with their exact values, by table of docs/promises.md
child.py       runs some cases with one library, in a process of its own
processes.py   starts these processes; an answer is a result, an error, a crash or a hang
page.py        the tables of docs/promises.md
"""
