"""The GPU thread: one job at a time. It knows neither Flask nor torch."""
