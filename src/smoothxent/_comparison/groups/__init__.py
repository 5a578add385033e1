"""Totals and standard errors of comparisons by groups of rows."""
