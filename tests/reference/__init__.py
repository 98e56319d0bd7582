"""Plain-Python and NumPy twins of the compiled kernels."""
