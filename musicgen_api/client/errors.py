"""What can go wrong between a client and the service. Each text is a whole sentence for a person.

The tree::

    ClientError
    ├── Unreachable         nobody answers at the address, or the connection broke off
    ├── UnexpectedAnswer    something answers, but not as this service does
    └── ServiceError        the service says what is wrong: its own sentence and `code`
        ├── Refused         the request is wrong (400, 413, 415, 422); it has to change
        └── Busy            the service cannot take the request now (429, 503)
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of the tree. `code` is a stable name for programs."""

    code = "client_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreachable(ClientError):
    """There is no connection, or there is none any more."""

    code = "unreachable"


class UnexpectedAnswer(ClientError):
    """What answers is another program, a proxy, or another version of the service."""

    code = "unexpected_answer"


class ServiceError(ClientError):
    """The service answered with an error, or its event stream ended in one."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Refused(ServiceError):
    """The service will never do what this request asks for."""


class Busy(ServiceError):
    """The service has other work, and says when to come back."""

    def __init__(self, message: str, code: str, retry_after_s: float) -> None:
        super().__init__(message, code)
        self.retry_after_s = retry_after_s
