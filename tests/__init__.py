"""Tests of MusicGen API."""
