"""What is asked of the market: scenarios, runs, the command line."""
