"""A client of a running service, over HTTP: what the command line and the MCP server share. No torch, no Flask."""
