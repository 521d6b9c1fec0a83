"""The words in which every family describes its routes (OpenAPI 3.1): schemas, bodies, responses."""

from __future__ import annotations

from typing import Any

from musicgen_api.apis.files import CHANNELS, SAMPLE_RATE

Json = dict[str, Any]


def ref(name: str) -> Json:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(properties: Json, required: list[str] | None = None) -> Json:
    """An object with these properties; all are required where nothing else is said."""
    return {"type": "object", "properties": properties, "required": required or list(properties)}


def constant(value: str) -> Json:
    """Text that is always the same."""
    return {"type": "string", "const": value}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
INTEGER: Json = {"type": "integer"}


def json_response(schema: Json, description: str, headers: Json | None = None) -> Json:
    """A response in JSON."""
    response: Json = {"description": description, "content": {"application/json": {"schema": schema}}}
    return response | ({"headers": headers} if headers else {})


def error_response(description: str, schema: str = "Error") -> Json:
    """A response in the service's error shape, or in a family's own."""
    return json_response(ref(schema), description)


SAMPLES: Json = {
    SAMPLE_RATE: {"schema": INTEGER, "description": "In Hz; where the file is bare samples."},
    CHANNELS: {"schema": INTEGER, "description": "1 or 2; where the file is bare samples."},
}
"""Headers of a response with a file of another family's."""
RETRY_AFTER: Json = {"Retry-After": {"schema": INTEGER, "description": "Seconds until trying again makes sense."}}
BUSY = json_response(
    ref("Error"), "Not now: another piece is being generated, or the hub limits downloads.", RETRY_AFTER
)


def status_of(*values: str) -> Json:
    """The body of a probe: one of these words."""
    return object_of({"status": {"type": "string", "enum": list(values)}})


def json_body(schema: str, example: Json) -> Json:
    """A request body in JSON."""
    return {"required": True, "content": {"application/json": {"schema": ref(schema), "example": example}}}


def body_with_files(schema: str, example: Json) -> Json:
    """A request body in JSON, files as `data:` URLs, or the same fields as parts of a form."""
    body = json_body(schema, example)
    body["content"]["multipart/form-data"] = {"schema": ref(schema)}
    return body


ERROR: Json = object_of(
    {
        "error": {"type": "string", "description": "What is wrong and what would be right."},
        "code": {"type": "string", "description": "Stable name of the kind of error."},
        "fields": {
            "type": "object",
            "description": "For invalid fields: the reasons for each.",
            "additionalProperties": {"type": "array", "items": TEXT},
        },
        "id": {"type": "string", "description": "Under which the server's log holds the details."},
    },
    required=["error", "code"],
)
"""The one shape of errors (`domain.errors.error_body`)."""
