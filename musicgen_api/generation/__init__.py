"""From a plan to an iterator of frames: windows, conditions, adapters. Knows neither HTTP nor jobs nor files."""
