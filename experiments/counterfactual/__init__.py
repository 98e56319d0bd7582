"""What would have happened: the same futures again with one thing undone."""
