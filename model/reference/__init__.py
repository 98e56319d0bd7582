"""External reference markets: the price of an underlying outside the venue."""
