"""For those who run the service: `GET /livez`, `/readyz`, `/openapi.json`."""
