"""An MCP server, so that agents make music: `python -m musicgen_api.mcp`. It speaks to a running service over HTTP."""
