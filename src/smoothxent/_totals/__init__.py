"""Exact sums over rows, also for each key, such as a group or a class."""
