"""Acceptance tests: a real gunicorn on a real socket."""
