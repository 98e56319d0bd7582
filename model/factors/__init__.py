"""Processes that move several underlyings together: a factor, and how each underlying loads."""
