"""Whatever was raised on the GPU thread -> an error for clients, without the frames it came through."""

from __future__ import annotations

import logging
import uuid

from musicgen_api.domain.errors import MusicGenError

log = logging.getLogger(__name__)


def explain(error: BaseException, what: str, kind: type[MusicGenError]) -> MusicGenError:
    """An error of ours as it is, any other one as a `kind` that names `what` failed ("Loading ..."), never its text.

    The log holds the trace, under the id that the result carries; the result itself keeps no frames, which would keep
    tensors alive.
    """
    if isinstance(error, MusicGenError):
        return _bare(error)
    trace_id = _log_under_an_id(f"{what} failed", error)
    failure = kind(f"{what} failed ({type(error).__name__}); the server's log has the details under {trace_id}.")
    failure.trace_id = trace_id
    return failure


def _bare(error: MusicGenError) -> MusicGenError:
    if error.status >= 500 and error.__cause__ is not None:
        error.trace_id = _log_under_an_id(error.message, error)
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _log_under_an_id(text: str, error: BaseException) -> str:
    trace_id = uuid.uuid4().hex[:12]
    log.error("[%s] %s", trace_id, text, exc_info=error)
    return trace_id
