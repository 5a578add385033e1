"""Totals and metrics of each class."""
