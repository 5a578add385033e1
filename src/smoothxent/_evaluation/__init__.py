"""Evaluations: exact totals over rows, and the metrics that are functions of them."""
