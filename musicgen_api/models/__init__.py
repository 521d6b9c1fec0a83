"""Models: which there are, where their files come from, and what they are in memory."""
