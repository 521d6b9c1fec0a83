"""The HTTP routes. They know the worker, the catalogue and Flask; they know no torch."""
