"""`python -m musicgen_api.cli`: the same as `musicgen`."""

from musicgen_api.cli.main import musicgen

musicgen(prog_name="musicgen")
