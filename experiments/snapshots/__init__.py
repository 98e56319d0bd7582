"""Snapshots: the book of a venue as a folder, from which a market is built or to which it goes."""
