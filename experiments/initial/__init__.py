"""How the state at step 0 is made: wealth, positions, entry prices, stop orders, burn-in."""
