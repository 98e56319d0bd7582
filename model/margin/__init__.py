"""Margin: the five numbers of every account, its health and its state."""
