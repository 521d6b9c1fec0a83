"""A request's id goes from its header through every line of the log, the GPU thread's too, and into the answer."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from musicgen_api import logs
from musicgen_api.domain.asker import NOBODY, Asker, working_for
from tests.helpers.fakes import fail_with, service
from tests.helpers.routes import VALID
from tests.helpers.server import Server

KEY = "0123456789abcdef"


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Read what the package logs, in the form that the test names."""
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(logs.formatter(getattr(request, "param", "json")))
    package = logging.getLogger("musicgen_api")
    package.addHandler(handler)
    yield stream
    package.removeHandler(handler)


@pytest.mark.parametrize("route", VALID)
def test_every_line_of_a_request_has_its_id_and_the_label_of_its_key(route: str, log: io.StringIO) -> None:
    headers = {"X-Request-Id": "from-the-proxy.1", "Authorization": f"Bearer {KEY}"}
    with service(fail_with(RuntimeError("No.")), api_keys=f"anne:{KEY}") as running:
        response = running.client.post(route, json=VALID[route], headers=headers)
        assert response.data
        assert response.headers["X-Request-Id"] == "from-the-proxy.1"
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (failure,) = [line for line in lines if "trace" in line]
    assert failure["level"] == "ERROR"
    assert "RuntimeError: No." in failure["trace"]
    assert [line["message"] for line in lines if "generation_failed after" in line["message"]]
    assert {(line["request_id"], line["key"]) for line in lines} == {("from-the-proxy.1", "anne")}
    assert KEY not in log.getvalue()
    assert VALID[route].get("prompt", "slow sad piano") not in log.getvalue()


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "дом", '"},{"', "a\tb", "a/../b"])
def test_an_id_that_could_harm_a_log_is_replaced(sent: str) -> None:
    with service() as running:
        answers = [running.client.get("/livez", headers={"X-Request-Id": sent.encode()}) for _ in range(2)]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", request_id) for request_id in ids)


def test_refusals_have_an_id_too() -> None:
    with service() as running:
        for path, headers in [("/nowhere", {}), ("/livez", {"Host": "rebound.example"})]:
            answer = running.client.get(path, headers=headers | {"X-Request-Id": "mine"})
            assert answer.headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_text_names_the_request_where_there_is_one(log: io.StringIO) -> None:
    logger = logging.getLogger("musicgen_api.test")
    with working_for(NOBODY):
        logger.warning("without")
    with working_for(Asker(client="anne", request_id="r1")):
        logger.warning("with")
    without, with_one = log.getvalue().splitlines()
    assert without.endswith(" WARNING musicgen_api.test: without")
    assert with_one.endswith(" WARNING musicgen_api.test (request r1, key anne): with")


def test_json_is_one_object_a_line_whatever_the_message_is(log: io.StringIO) -> None:
    logging.getLogger("musicgen_api.test").warning("two\nlines %s", "\x1b[31m \u2028")
    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["message"] == "two\nlines \x1b[31m \u2028"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", json.loads(line)["time"])


def test_a_real_service_logs_nothing_but_json_gunicorn_s_own_lines_included(
    paced: Callable[..., Server], tmp_path: Path
) -> None:
    with paced(MUSICGEN_LOG_FORMAT="json", MUSICGEN_LOG_LEVEL="DEBUG") as server:
        server.wait_until_free()
        response = server.post("/generate", VALID["/generate"] | {"duration": 1}, headers={"X-Request-Id": "mine"})
        assert response.headers["X-Request-Id"] == "mine"
        server.terminate()
        lines = [json.loads(line) for line in server.log.splitlines()]
    assert {"gunicorn.error", "gunicorn.access", "musicgen_api.jobs.gpu_thread"} <= {line["logger"] for line in lines}
    mine = [line["logger"] for line in lines if line.get("request_id") == "mine"]
    assert {"gunicorn.access", "musicgen_api.jobs.gpu_thread"} <= set(mine)
