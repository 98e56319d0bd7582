"""Validation: does a simulated market behave like one, and do its crashes like recorded ones."""
