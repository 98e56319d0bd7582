"""Mark prices: what margin, profit and liquidation are reckoned with, half ticks."""
