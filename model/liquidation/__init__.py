"""Liquidation: the queue, the parts of the waterfall and what they share."""
