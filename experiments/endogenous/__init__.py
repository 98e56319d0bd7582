"""Splitting a recorded crash into what came from outside and what leverage added."""
