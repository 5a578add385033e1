"""Comparisons of two classifiers on the same labelled rows."""
