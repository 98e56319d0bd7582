"""Scheduled shocks: what a scenario does to the market at a given moment."""
