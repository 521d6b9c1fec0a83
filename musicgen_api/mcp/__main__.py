"""`python -m musicgen_api.mcp`."""

from musicgen_api.mcp.server import main

main(prog_name="python -m musicgen_api.mcp")
