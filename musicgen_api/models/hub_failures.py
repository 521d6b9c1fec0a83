"""What huggingface_hub raises -> errors of ours that tell the causes apart, and name the variable that helps.

No text shows a path or an address of the server.
"""

from __future__ import annotations

import errno
from http import HTTPStatus

import httpx2
from huggingface_hub import errors as hub_errors
from huggingface_hub import get_token

from musicgen_api.domain.errors import HubBusy, ModelError, ModelNotFound, ModelOffline, MusicGenError
from musicgen_api.models.hub_client import HubAnswered, HubSilent

FAILURES = (
    *(HubSilent, HubAnswered, hub_errors.HfHubHTTPError, hub_errors.EntryNotFoundError, httpx2.HTTPError),
    *(httpx2.InvalidURL, UnicodeEncodeError, OSError),
)
"""What a download ends with, besides success and defects."""

DEFAULT_RETRY_AFTER_S = 60
"""Said where the hub limits us and does not say for how long."""


def explain(error: Exception, what: str, named_by: str) -> MusicGenError:
    """The error of ours for a download of `what` into the cache that the variable `named_by` names."""
    match error:
        case HubSilent():
            return ModelOffline(f"{what} is not downloaded yet, and the hub cannot be asked: {error}.")
        case HubAnswered():
            return _explain_refusal(error, what)
        case hub_errors.LocalEntryNotFoundError():
            return _explain_no_metadata(error, what)
        case hub_errors.EntryNotFoundError() | hub_errors.HfHubHTTPError():
            return _explain_status(error, what)
        case httpx2.HTTPError() | httpx2.InvalidURL() | UnicodeEncodeError():
            return _explain_transport(error, what)
        case OSError() if error.errno is not None:
            return _explain_disk(error, what, named_by)
        case _:
            return ModelOffline(f"The download of {what} broke off ({type(error).__name__}). Try again.")


def _explain_refusal(error: HubAnswered, what: str) -> MusicGenError:
    """The hub is not able to serve: because of us, or by itself."""
    limited = error.status == HTTPStatus.TOO_MANY_REQUESTS
    if limited or error.retry_after_s is not None:
        wait_s = error.retry_after_s or DEFAULT_RETRY_AFTER_S
        why = "limits how often it is asked; a token (HF_TOKEN) raises the limit" if limited else "is not available"
        return HubBusy(f"The hub {why}. Try again for {what} in {wait_s} s.", wait_s)
    return ModelError(f"The hub failed with an error of its own ({error.status}) for {what}. Try again later.")


def _explain_no_metadata(error: Exception, what: str) -> MusicGenError:
    """The first question failed. Why, the client keeps as the cause: a refusal, or an answer that is not a hub's."""
    if isinstance(error.__cause__, hub_errors.HfHubHTTPError):
        return _explain_status(error.__cause__, what)
    if isinstance(error.__cause__, hub_errors.FileMetadataError):
        return ModelOffline(
            f"{what} is not downloaded yet, and what answers in the hub's place is something else: "
            "HF_ENDPOINT must be the address of a hub, and the network may ask for a login."
        )
    return ModelOffline(f"{what} is not downloaded yet, and the hub is switched off or cannot be reached.")


def _explain_status(error: Exception, what: str) -> MusicGenError:
    """The hub refused."""
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else HTTPStatus.NOT_FOUND
    if status == HTTPStatus.UNAUTHORIZED and get_token():
        return ModelError(f"The hub does not accept the token in HF_TOKEN for {what}: it is wrong or has expired.")
    if isinstance(error, hub_errors.GatedRepoError):
        return ModelNotFound(
            f"The hub gives {what} only to those who have accepted its licence there; "
            "HF_TOKEN must be a token of such an account."
        )
    if isinstance(error, hub_errors.DisabledRepoError):
        return ModelNotFound(f"The hub has closed the access to {what}.")
    if status == HTTPStatus.UNAUTHORIZED:
        return ModelNotFound(f"The hub does not have {what}, or shows it only to a token (HF_TOKEN), which is not set.")
    if status == HTTPStatus.FORBIDDEN:
        token = "the token in HF_TOKEN has no right to it" if get_token() else "HF_TOKEN is not set, and may be needed"
        return ModelError(f"The hub refuses {what} (403): {token}.")
    if status == HTTPStatus.NOT_FOUND:
        return ModelNotFound(f"The hub does not have {what}.")
    return ModelError(f"The hub answered {int(status)} for {what}.")


def _explain_transport(error: Exception, what: str) -> MusicGenError:
    """The request did not get through, or could not be written."""
    if isinstance(error, httpx2.ProxyError):
        return ModelOffline(
            f"{what} is not downloaded yet, and the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names "
            "does not let requests through to the hub; its address or its password may be wrong."
        )
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return ModelOffline(f"{what} is not downloaded yet, and HF_ENDPOINT is not an address such as https://hub.")
    if isinstance(error, httpx2.LocalProtocolError | UnicodeEncodeError):
        return ModelError(f"{what} cannot be asked for: HF_TOKEN holds a character that no token has.")
    return ModelOffline(f"The download of {what} broke off ({type(error).__name__}). Try again.")


def _explain_disk(error: OSError, what: str, named_by: str) -> MusicGenError:
    """The cache cannot take the file."""
    reasons = {
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "The disk is full"),
        **dict.fromkeys(
            (errno.EACCES, errno.EPERM, errno.EROFS),
            "The folder of downloaded files may not be written by the user of the service",
        ),
        **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "The place of downloaded files is not a folder"),
    }
    reason = reasons.get(error.errno or 0, f"The disk failed ({error.strerror})")
    return ModelError(f"{reason}; {what} could not be saved. {named_by} names the place.")
