"""Checks of arguments, which become plain arrays and numbers, with their error texts."""
