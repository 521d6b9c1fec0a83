"""Sound as files. Pure: numpy in, bytes out; no torch, no state, nothing on disk."""
