"""Descriptions in people's own languages: which one it is, and the same in English."""
