"""One request on its thread: gunicorn's request and response around the application."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem

from musicgen_api.domain.errors import MusicGenError
from musicgen_api.server import refusals
from musicgen_api.server.connection import Connection


class Answering:
    """Callable: answers a request.

    Args:
        application: the WSGI application.
        config: gunicorn's configuration.
        log: gunicorn's, for the access log.
        keeps: whether connections are kept open now.
    """

    def __init__(self, application: Any, config: Any, log: Any, keeps: Callable[[], bool]) -> None:
        self._application = application
        self._config = config
        self._log = log
        self._keeps = keeps

    def __call__(self, connection: Connection, request: Any) -> bool:
        """Write the answer; may the connection be kept for another request?"""
        response = None
        try:
            response, environ = wsgi.create(
                request, connection.output, connection.peer, connection.listener, self._config
            )
            environ["gunicorn.socket"] = connection.socket  # where the application looks whether the client is there
            environ["wsgi.multithread"] = True
            if not self._keeps():
                response.force_close()
            self._run(request, response, environ)
            return not response.should_close()
        except BrokenPipeError:
            self._log.debug("The client left before the end of its answer")
        except MusicGenError as error:
            # Too late for another status: the missing end of the chunks tells the client.
            self._log.info("An answer was broken off: %s", error.message)
        except ConfigurationProblem as error:
            self._refuse(connection, request, refusals.of(error))
        except Exception:
            # The edge of the thread. The application answers its own errors, so this is a defect of the server.
            self._log.exception("A request could not be answered")
            if response is None or not response.headers_sent:
                self._refuse(connection, request, MusicGenError("An internal error occurred."))
        return False

    def _run(self, request: Any, response: Any, environ: dict[str, Any]) -> None:
        began = datetime.datetime.now()
        body = self._application(environ, response.start_response)
        try:
            for piece in body:
                response.write(piece)
            response.close()
        finally:
            self._log.access(response, request, environ, datetime.datetime.now() - began)
            if hasattr(body, "close"):
                body.close()

    def _refuse(self, connection: Connection, request: Any, error: MusicGenError) -> None:
        try:
            connection.output.sendall(refusals.encode(error, with_body=request.method != "HEAD"))
        except BrokenPipeError:
            self._log.debug("The client left before it could be told")
