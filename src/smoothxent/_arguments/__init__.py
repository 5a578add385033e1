"""Checks of arguments, which become plain arrays and numbers, and all error texts about them."""
