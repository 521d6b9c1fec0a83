"""Measurements; `python -m benchmarks.decode --help` says what can be measured."""
