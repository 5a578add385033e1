"""Totals and metrics of groups of rows."""
