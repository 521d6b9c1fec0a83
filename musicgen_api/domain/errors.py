"""Everything that can go wrong, and the one JSON shape in which clients learn of it.

The tree::

    MusicGenError
    ├── RequestError              the client sent something that cannot be done
    │   ├── NotJSON               the body is not a JSON object
    │   ├── UnsupportedMediaType  the body does not claim to be JSON
    │   └── InvalidFields         one or more fields are missing, unknown or out of range
    │       ├── UnknownModel      the model is not in the catalogue
    │       └── NoRecipe          an upload is to say how it was made, and does not
    ├── Unauthorized              keys are set, and the request carries none of them
    ├── ForeignOrigin             a web page of another origin sent the request
    ├── Unavailable               try again later
    │   ├── Busy                  another job (or the start-up load) holds the GPU thread
    │   ├── HubBusy               the hub has a model's files but asks to come back later
    │   ├── Overloaded            clients take all connections, or all memory for what they send
    │   └── ShuttingDown          the process was asked to stop
    ├── ModelError                a known model cannot be used: not permitted, refused by the hub, not supported
    │   ├── ModelOffline          its files are not here and the hub cannot be reached
    │   ├── ModelNotFound         the hub (or the folder) does not hold its files
    │   ├── ModelDamaged          its files are broken, of another format, or do not fit each other
    │   ├── DiffusionUnavailable  MultiBand Diffusion does not fit this model
    │   └── MelodyUnavailable     what takes drums and bass out of a melody cannot be had
    ├── OutOfMemory               the device had too little memory for the job
    ├── GenerationFailed          a defect of ours or of the model; the log holds the trace
    ├── StartFailed               AudioCraft or torch cannot be imported or set up; only a new process may help
    ├── DeviceMissing             the settings name a GPU that is not there
    ├── DeviceLost                the accelerator no longer answers; the process must be restarted
    ├── ReaderTooSlow             sound that is sent while it is made was not read in time
    └── Cancelled                 the client went away or the process is stopping

This module knows neither Flask nor torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FieldErrors = Mapping[str, Sequence[str]]


class MusicGenError(Exception):
    """Base of the tree. `status` is the HTTP status, `code` the stable machine-readable name."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.trace_id: str | None = None
        """The id under which the log has the trace, if there is one."""


class RequestError(MusicGenError):
    """The request itself is wrong; the client must change it before it tries again."""

    status = 400
    code = "bad_request"


class NotJSON(RequestError):
    """The body is not a JSON object."""

    code = "not_json"


class UnsupportedMediaType(RequestError):
    """The Content-Type header does not say JSON."""

    status = 415
    code = "unsupported_media_type"


class InvalidFields(RequestError):
    """Validation failed. `fields` maps each name to its reasons."""

    status = 422
    code = "invalid_fields"

    def __init__(self, fields: FieldErrors) -> None:
        reasons = "; ".join(f"{name}: {' '.join(why)}" for name, why in fields.items())
        super().__init__(f"Invalid request. {reasons}")
        self.fields = fields


class UnknownModel(InvalidFields):
    """The catalogue does not have the model that `model` names."""

    code = "unknown_model"

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__({"model": [f"Unknown model. Known: {', '.join(known)}."]})


class NoRecipe(InvalidFields):
    """The upload `name` does not say how it was made."""

    code = "no_recipe"

    def __init__(self, name: str) -> None:
        super().__init__({name: ["It does not say how it was made: it has no recipe."]})


class Unauthorized(MusicGenError):
    """The service has keys (MUSICGEN_API_KEYS) and the request carries none of them."""

    status = 401
    code = "unauthorized"

    def __init__(self, *, wrong: bool = False) -> None:
        what = "The API key is not one of this service's" if wrong else "This service needs an API key"
        super().__init__(f"{what}. Send one as Authorization: Bearer <key> or as xi-api-key: <key>.")


class ForeignOrigin(MusicGenError):
    """A browser sends this for a page of another origin that MUSICGEN_CORS_ORIGINS does not list."""

    status = 403
    code = "foreign_origin"

    def __init__(self, origin: str | None) -> None:
        where = repr(origin[:100]) if origin else "another site"
        super().__init__(
            f"A web page of {where} may not use this service. If it is a page of yours, "
            "add its origin to the setting MUSICGEN_CORS_ORIGINS."
        )


class Unavailable(MusicGenError):
    """The request is valid, but the service cannot take it now. `retry_after_s`: whole seconds."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(Unavailable):
    """The GPU thread's lock is taken."""

    code = "busy"

    def __init__(self, retry_after_s: int, *, starting: bool = False, waiting: int = 0) -> None:
        why = "the default model is being loaded" if starting else "one piece of music is generated at a time"
        if waiting:
            why = f"{why}, and {waiting} requests wait for their turn"
        super().__init__(f"busy: {why}. Try again in {retry_after_s} s.", retry_after_s)


class HubBusy(Unavailable):
    """The hub limits how often it is asked (429), or says when it will be back (503)."""

    code = "hub_busy"


class Overloaded(Unavailable):
    """The front cannot hold what this client sends."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The service has too many clients at the moment. Try again in a few seconds.", retry_after_s=5)


class ShuttingDown(Unavailable):
    """SIGTERM has arrived; the service does not take new work."""

    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("The service is shutting down. Try again shortly.", retry_after_s=10)


class ModelError(MusicGenError):
    """A model of the catalogue cannot be loaded or used."""

    code = "model_failed"


class ModelOffline(ModelError):
    """The cache does not hold the files, and the hub is switched off or cannot be reached."""

    code = "model_offline"


class ModelNotFound(ModelError):
    """The files do not exist where the catalogue says."""

    code = "model_not_found"


class ModelDamaged(ModelError):
    """The files exist, but their contents are wrong; the text names the file."""

    code = "model_damaged"


class DiffusionUnavailable(ModelError):
    """The request asks for MultiBand Diffusion, which cannot be used with this model."""

    code = "diffusion_unavailable"


class MelodyUnavailable(ModelError):
    """The request has a melody, and Demucs, which prepares it, cannot be had or used."""

    code = "melody_unavailable"


class OutOfMemory(MusicGenError):
    """RAM or GPU memory ran out. The job failed; the service keeps running."""

    code = "out_of_memory"


class GenerationFailed(MusicGenError):
    """Generation stopped for a reason that nobody foresaw."""

    code = "generation_failed"


class StartFailed(MusicGenError):
    """The synthesizer could not be made. This process does not try again: half-done imports stay half done."""

    code = "start_failed"


class DeviceMissing(MusicGenError):
    """MUSICGEN_DEVICE names a GPU that torch does not find."""

    code = "device_missing"


class DeviceLost(MusicGenError):
    """The accelerator is in an error state that only a new process clears."""

    code = "device_lost"


class ReaderTooSlow(MusicGenError):
    """The client leaves more sound unread than the service keeps for it."""

    status = 503
    code = "reader_too_slow"


class Cancelled(MusicGenError):
    """The job was told to stop and did."""

    status = 503
    code = "cancelled"


def error_body(error: MusicGenError) -> dict[str, Any]:
    """The JSON body (and the SSE event) for `error`: `error`, `code`, then `fields` and `id` where they apply."""
    body: dict[str, Any] = {"error": error.message, "code": error.code}
    if isinstance(error, InvalidFields):
        body["fields"] = {name: list(why) for name, why in error.fields.items()}
    if error.trace_id:
        body["id"] = error.trace_id
    return body
