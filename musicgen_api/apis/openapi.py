"""`/openapi.json`, put together from what each family says of itself.

apispec turns the marshmallow schemas that validate into JSON Schema; what is written by hand, in each family's
`description.py`, is what no schema says: statuses, event shapes, the documents' examples. tests/apis/test_openapi.py
holds it against the routes.
"""

from __future__ import annotations

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from musicgen_api.apis.description import ERROR, TEXT, Json, error_response, json_response, ref
from musicgen_api.apis.documents import description as documents
from musicgen_api.apis.elevenlabs import description as elevenlabs
from musicgen_api.apis.openai import description as openai
from musicgen_api.apis.operations import description as operations
from musicgen_api.apis.studio import description as studio
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from musicgen_api.version import VERSION

_FAMILIES = (
    (documents, "Error"),
    (studio, "Error"),
    (openai, "OpenAIError"),
    (elevenlabs, "ElevenLabsError"),
    (operations, "Error"),
)
"""Each with the schema of its errors."""
_OPEN = ("page", "livez", "readyz", "healthcheck", "describe")
"""The operations that need no key: see `access.OPEN`."""


def describe(settings: Settings, catalog: Catalog) -> Json:
    """The whole description, with the limits, defaults and models of this service."""
    spec = APISpec(
        title="MusicGen API",
        version=VERSION,
        openapi_version="3.1.0",
        info={
            "description": "Text to music with MusicGen (AudioCraft). One piece at a time. A request that is not valid "
            "HTTP, or that does not come, is answered on every route with the schema Error: 400, 408, 413, 414, 417, "
            "431, 501, 505, or 503 while there are too many clients."
        },
        plugins=[MarshmallowPlugin()],
    )
    spec.components.schema("Error", ERROR)
    if settings.keys:
        spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for family, error in _FAMILIES:
        for path, methods in family.describe(spec, settings).items():
            for method, operation in methods.items():
                needs_key = bool(settings.keys) and operation["operationId"] not in _OPEN
                operation["responses"] |= _refusals(error, changes=method != "get", needs_key=needs_key)
                if needs_key:
                    operation["security"] = [{"key": []}]
            spec.path(path=path, operations=methods)
    description: Json = spec.to_dict()
    documents.complete(description["components"]["schemas"], catalog)
    return description


def _refusals(error: str, *, changes: bool, needs_key: bool) -> Json:
    """What any route may answer before it runs, in the schema `error`."""
    refusals = {"421": error_response("The Host is not one of the service's names (MUSICGEN_HOSTS).", error)}
    if changes:
        refusals["403"] = error_response("A web page of another origin sent this (MUSICGEN_CORS_ORIGINS).", error)
    if needs_key:
        why, headers = "The key is missing or wrong (MUSICGEN_API_KEYS).", {"WWW-Authenticate": {"schema": TEXT}}
        refusals["401"] = json_response(ref(error), why, headers)
    return refusals
