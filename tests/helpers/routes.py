"""The two routes that make music: how to send them a body, and what their answers have to look like."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.helpers.fakes import Service

VALID: dict[str, dict[str, Any]] = {
    "/generate": {"model": "facebook/musicgen-small", "prompt": "slow sad piano"},
    "/api/music": {"description": "slow sad piano"},
}
"""The smallest body that each takes."""
INVALID_STATUS = {"/generate": 422, "/api/music": 400}
"""What each document says of fields that are not valid."""


def post(
    running: Service, route: str, body: bytes | str, content_type: str | None = "application/json"
) -> TestResponse:
    """Send `body` and read the answer to its end, so that the service is free again."""
    response = running.client.post(route, data=body, content_type=content_type)
    assert response.data
    return response


def assert_music(running: Service, response: TestResponse) -> None:
    assert response.status_code == 200, response.text
    if response.mimetype == "text/event-stream":
        assert b'"status": "completed"' in response.data
    else:
        assert response.data.startswith(b"RIFF")


def assert_error(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body["error"].endswith(".")
    assert set(body) == {"error", "code"} | (
        {"fields"} if code in ("invalid_fields", "unknown_model", "no_recipe") else set()
    )
    return body
