"""Sound as files. Pure: numpy in, bytes out, and back; no torch, no Flask, no state, nothing on disk.

Out: `shape` and `loudness` work on a piece, `recipe.tags_of` says how it was made, `encode` makes the file that
`formats` names. In: `read` makes samples of anybody's file, `recipe.read` finds out how it was made.
"""
