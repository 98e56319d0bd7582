"""The market: what exists, what may happen to it, in which order."""
