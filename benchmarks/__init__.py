"""Measurements; `python -m benchmarks.speed --help` says what can be measured."""

from musicgen_api import environment

environment.settle()  # before torch is imported, whichever measurement it is for
