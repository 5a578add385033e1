"""Calibration: the temperature at which the mean nll of labelled rows is least."""
