"""Tests of MusicGen API."""

import musicgen_api  # noqa: F401  before AudioCraft is imported, for which it registers a stand-in for xFormers
