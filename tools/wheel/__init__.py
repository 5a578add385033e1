"""Wheels: `python -m tools.wheel` builds, repairs, checks and tries them.

repair.py        makes a wheel independent of the machine: OpenMP's runtime, and its licence
check.py         a known loss, the SBOM, and a forked child; what cibuildwheel runs for each wheel
constraints.txt  the versions of the tools that build release wheels
"""
