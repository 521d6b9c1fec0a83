"""From a request to a waveform: the only door to AudioCraft. It knows nothing of HTTP, threads or jobs."""
