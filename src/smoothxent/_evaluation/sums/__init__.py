"""Exact sums: of numbers, and of numbers by group."""
