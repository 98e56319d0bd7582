"""European options on forwards: prices, Greeks, volatility surface."""
