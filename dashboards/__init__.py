"""What people look at: figures, the report of a run."""
