"""Sweeps: many runs of one scenario or function, by a plan, with results that survive."""
