"""The two documents' APIs: `POST /generate`, `POST /api/music`, `GET /api/healthcheck`."""
