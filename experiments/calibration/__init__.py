"""Calibration by simulated moments: which parameters make a model look like what was recorded."""
