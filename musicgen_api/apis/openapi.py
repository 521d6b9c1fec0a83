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
from musicgen_api.apis.operations import description as operations
from musicgen_api.apis.studio import description as studio
from musicgen_api.models.catalog import Catalog
from musicgen_api.settings import Settings
from musicgen_api.version import VERSION

_REFUSALS: Json = {"421": error_response("The Host is not one of the service's names (MUSICGEN_HOSTS).")}
_FOREIGN = error_response("A web page of another origin sent this (MUSICGEN_CORS_ORIGINS).")
_UNAUTHORIZED = json_response(
    ref("Error"), "The key is missing or wrong (MUSICGEN_API_KEYS).", {"WWW-Authenticate": {"schema": TEXT}}
)
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
    for family in (documents, studio, operations):
        for path, methods in family.describe(spec, settings).items():
            for method, operation in methods.items():
                operation["responses"] |= _REFUSALS if method == "get" else _REFUSALS | {"403": _FOREIGN}
                if settings.keys and operation["operationId"] not in _OPEN:
                    operation["security"] = [{"key": []}]
                    operation["responses"]["401"] = _UNAUTHORIZED
            spec.path(path=path, operations=methods)
    description: Json = spec.to_dict()
    documents.complete(description["components"]["schemas"], catalog)
    return description
