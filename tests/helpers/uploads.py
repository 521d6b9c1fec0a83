"""Files on their way to the service."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import requests
from werkzeug.test import TestResponse

from tests.helpers.fakes import Service
from tests.helpers.routes import VALID


def data_url(file: bytes, kind: str = "audio/wav") -> str:
    """The file as JSON carries it."""
    return f"data:{kind};base64,{base64.b64encode(file).decode()}"


def send_form(running: Service, route: str, **parts: Any) -> TestResponse:
    """POST the smallest body and `parts` as multipart/form-data; `bytes` are files, lists several parts."""
    body, content_type = form_of(VALID.get(route, {}) | parts)
    response = running.client.post(route, data=body, content_type=content_type)
    assert response.data
    return response


def form_of(parts: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body and its type. Werkzeug's own client would need a temporary file for it."""
    each = [(name, one) for name, value in parts.items() for one in (value if isinstance(value, list) else [value])]
    request = requests.Request("POST", "http://test/", files=[(name, _part(name, value)) for name, value in each])
    prepared = request.prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.body, prepared.headers["Content-Type"]


def send_json(running: Service, route: str, **fields: Any) -> TestResponse:
    """POST the smallest body and `fields` as JSON; `bytes` become `data:` URLs."""
    body = {name: data_url(value) if isinstance(value, bytes) else value for name, value in fields.items()}
    response = running.client.post(route, json=VALID.get(route, {}) | body)
    assert response.data
    return response


def _part(name: str, value: Any) -> tuple[str | None, Any]:
    if isinstance(value, bytes):
        return f"{name}.wav", value
    return None, value if isinstance(value, str) else json.dumps(value)
