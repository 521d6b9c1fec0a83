"""The client against the real routes over a scripted synthesizer, and against answers that those do not give."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import anyio
import httpx2
import numpy as np
import pytest
from werkzeug.wrappers import Request

from musicgen_api.audio.wav import encode_wav
from musicgen_api.client import service as client_module
from musicgen_api.client.errors import Busy, ClientError, Refused, ServiceError, UnexpectedAnswer, Unreachable
from musicgen_api.client.messages import (
    Loading,
    Music,
    News,
    Order,
    Progress,
    Queued,
    Sound,
    Started,
    Upload,
    Waiting,
)
from musicgen_api.client.service import Service
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Phase
from musicgen_api.domain.request import Sound as MadeSound
from tests.helpers.fakes import LONG_S
from tests.helpers.nginx import free_port
from tests.helpers.scripted import ScriptedService, tone
from tests.helpers.server import wait_until

T = TypeVar("T")
ORDER = Order({"description": "slow sad piano", "duration": 1})


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedService]:
    with ScriptedService() as scripted:
        yield scripted


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 0.05)


def ask(url: str, question: Callable[[Service], Awaitable[T]], **options: Any) -> T:
    """The answer to one question."""

    async def run() -> T:
        async with Service(url, **options) as service:
            return await question(service)

    return anyio.run(run)


def answering(handler: Callable[[httpx2.Request], httpx2.Response]) -> dict[str, Any]:
    return {"transport": httpx2.MockTransport(handler)}


def stream_of(*events: dict[str, Any]) -> httpx2.Response:
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, text=text)


class Notes:
    """Keeps the news, and does something at the first of a kind."""

    def __init__(self, **at: Callable[[], object]) -> None:
        self.news: list[News] = []
        self._at = at

    async def __call__(self, news: News) -> None:
        self.news.append(news)
        if (act := self._at.pop(type(news).__name__, None)) is not None:
            act()


def test_it_hears_of_everything_and_gets_the_file(scripted: ScriptedService) -> None:
    notes = Notes(Started=scripted.complete)
    scripted.step(
        lambda monitor: monitor.download("bundled/musicgen-tiny", 1, 2),
        lambda monitor: wait_until(lambda: any(isinstance(news, Loading) for news in notes.news)),
        lambda monitor: monitor.progress(40, Phase.GENERATING),
        lambda monitor: wait_until(lambda: Progress(40, "generating", None) in notes.news),
    )
    order = Order(dict(ORDER.fields) | {"seed": 7, "recipe": False})
    music = ask(scripted.url, lambda service: service.music(order, on_news=notes))
    assert notes.news[0] == Started("bundled/musicgen-tiny", 7)
    assert Loading("bundled/musicgen-tiny", 1, 2) in notes.news
    assert (music.model, music.duration, music.sample_rate, music.channels) == ("bundled/musicgen-tiny", 1, 32_000, 1)
    (take,) = music.takes
    assert take.file == encode_wav(tone(1).takes[0].waveform, 32_000, 1)


def test_live_sound_comes_as_bytes(scripted: ScriptedService) -> None:
    samples = np.array([[1, 2, 3]], np.int16)
    scripted.step(lambda monitor: monitor.sound(MadeSound(0.5, samples, 32_000)))
    scripted.complete()
    notes = Notes()
    order = Order(dict(ORDER.fields) | {"live": True})
    ask(scripted.url, lambda service: service.music(order, on_news=notes))
    assert Sound(0.5, samples.tobytes(), 32_000, 1) in notes.news


def test_it_waits_for_a_busy_service_and_says_so(scripted: ScriptedService) -> None:
    notes = Notes(Waiting=scripted.complete, Started=scripted.complete)  # the first job, then the own one

    async def both() -> None:
        async with Service(scripted.url) as first, Service(scripted.url) as second, anyio.create_task_group() as tasks:
            tasks.start_soon(first.music, ORDER)
            while not scripted.gpu_thread.busy:
                await anyio.sleep(0.01)
            await second.music(ORDER, on_news=notes)

    anyio.run(both)
    waiting = notes.news[0]
    assert isinstance(waiting, Waiting)
    assert waiting.reason.startswith("busy: one piece of music is generated at a time")


def test_without_patience_busy_is_an_error_with_the_service_s_sentence() -> None:
    def busy(request: httpx2.Request) -> httpx2.Response:
        body = {"error": "busy: try later.", "code": "busy"}
        return httpx2.Response(503, json=body, headers={"Retry-After": "17"})

    with pytest.raises(Busy) as caught:
        ask("host", lambda service: service.music(ORDER, patience_s=0), **answering(busy))
    assert (caught.value.message, caught.value.code, caught.value.retry_after_s) == ("busy: try later.", "busy", 17)


def test_leaving_cancels_the_job(scripted: ScriptedService) -> None:
    async def leave() -> None:
        async with Service(scripted.url) as service:
            with anyio.CancelScope() as scope:
                await service.music(ORDER, on_news=Notes(Started=scope.cancel))

    anyio.run(leave)
    wait_until(lambda: not scripted.gpu_thread.busy, LONG_S, why="the job to be cancelled")


def test_what_is_wrong_with_a_request_is_said_in_the_service_s_words(scripted: ScriptedService) -> None:
    with pytest.raises(Refused, match=r"Invalid request\. duration: Must be an integer\.") as caught:
        ask(scripted.url, lambda service: service.music(Order({"description": "x", "duration": "1"})))
    assert caught.value.code == "invalid_fields"


@pytest.mark.parametrize("wrong", [{"description": "\udcff"}, {"temperature": float("nan")}, {"seed": 10**400}])
def test_what_no_json_can_hold_is_for_the_service_to_refuse(wrong: dict[str, Any], scripted: ScriptedService) -> None:
    with pytest.raises(Refused):
        ask(scripted.url, lambda service: service.music(Order({**ORDER.fields, **wrong})))


def test_a_job_that_fails_is_an_error_in_the_service_s_words(scripted: ScriptedService) -> None:
    scripted.fail(OutOfMemory("Not enough memory."))
    with pytest.raises(ServiceError, match="Not enough memory") as caught:
        ask(scripted.url, lambda service: service.music(ORDER))
    assert caught.value.code == "out_of_memory"


def test_a_connection_that_ends_is_told_from_a_finished_piece(scripted: ScriptedService) -> None:
    notes = Notes(Started=lambda: scripted.break_connection(reset=False))
    with pytest.raises(Unreachable, match=r"broke off|before the music was finished"):
        ask(scripted.url, lambda service: service.music(ORDER, on_news=notes))
    wait_until(lambda: not scripted.gpu_thread.busy, LONG_S)


def test_a_connection_that_is_reset_is_an_error_with_the_address() -> None:
    async def events() -> AsyncIterator[bytes]:
        yield b'data: {"status": "started", "model": "m", "seed": 1}\n\n'
        raise httpx2.ReadError("reset by peer")

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=events())

    with pytest.raises(Unreachable, match="The connection to http://host broke off: reset by peer"):
        ask("host", lambda service: service.music(ORDER), **answering(handle))


def test_nobody_there_is_a_sentence_with_the_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"No service answers at {url}"):
        ask(url, lambda service: service.models())
    assert not ask(url, lambda service: service.answers())


def test_it_is_told_from_other_programs(scripted: ScriptedService) -> None:
    def page(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, html="<h1>Hello</h1>")

    def asks_for_a_key(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(401, json={"error": "A key is needed.", "code": "unauthorized"})

    assert ask(scripted.url, lambda service: service.answers())
    assert ask("host", lambda service: service.answers(), **answering(asks_for_a_key))
    assert not ask("host", lambda service: service.answers(), **answering(page))
    with pytest.raises(UnexpectedAnswer):
        ask("host", lambda service: service.music(ORDER), **answering(page))


def test_a_program_that_listens_and_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PROBE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert not ask(url, lambda service: service.answers())


def test_a_proxy_s_error_page_is_no_service_s_error() -> None:
    with pytest.raises(UnexpectedAnswer, match="HTTP status 502"):
        ask(
            "host",
            lambda service: service.music(ORDER),
            **answering(lambda request: httpx2.Response(502, html="<h1>Bad Gateway</h1>")),
        )


def test_models_are_listed(scripted: ScriptedService) -> None:
    (default,) = [model for model in ask(scripted.url, lambda service: service.models()) if model.default]
    assert default.id == "bundled/musicgen-tiny"
    assert default.details["channels"] == 1


def test_takes_and_a_queue_are_understood_and_what_is_new_is_passed_over() -> None:
    files = [{"seed": seed, "audio_data": base64.b64encode(bytes([seed])).decode()} for seed in (3, 4)]
    completed = {"status": "completed", **files[0], "takes": files, "model": "m", "duration": 1} | {
        "sample_rate": 16_000,
        "channels": 2,
    }

    def handle(request: httpx2.Request) -> httpx2.Response:
        return stream_of({"status": "queued", "position": 2, "wait_s": 9}, {"status": "of another time"}, completed)

    notes = Notes()
    music: Music = ask("host", lambda service: service.music(ORDER, on_news=notes), **answering(handle))
    assert notes.news == [Queued(2, 9)]
    assert [(take.seed, take.file) for take in music.takes] == [(3, b"\3"), (4, b"\4")]


@pytest.mark.parametrize("event", [{"status": "started"}, {"status": "completed", "audio_data": "%"}, {}])
def test_an_event_that_cannot_be_read_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        ask("host", lambda service: service.music(ORDER), **answering(lambda request: stream_of(event)))


def test_fields_that_prove_wrong_when_the_model_is_there_are_the_request_s_fault() -> None:
    event = {"error": "Invalid request. melody: No.", "code": "invalid_fields", "fields": {"melody": ["No."]}}
    with pytest.raises(Refused, match="melody: No"):
        ask("host", lambda service: service.music(ORDER), **answering(lambda request: stream_of(event)))


def test_sound_files_go_as_a_form_beside_the_request() -> None:
    seen: list[Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(request.content)}
        environ |= {"CONTENT_TYPE": request.headers["Content-Type"], "CONTENT_LENGTH": str(len(request.content))}
        environ |= {"HTTP_AUTHORIZATION": request.headers["Authorization"]}
        seen.append(Request(environ))
        return httpx2.Response(422, json={"error": "Enough.", "code": "x"})

    order = Order({"description": "näher", "duration": 9}, {"melody": Upload("tune.mp3", b"ID3")})
    with pytest.raises(Refused, match="Enough"):
        ask("host", lambda service: service.music(order), api_key="secret", **answering(handle))
    (request,) = seen
    assert json.loads(request.form["request"]) == order.fields
    melody = request.files["melody"]
    with melody.stream as file:
        sent = file.read()
    assert (melody.filename, melody.mimetype, sent) == ("tune.mp3", "audio/mpeg", b"ID3")
    assert request.headers["Authorization"] == "Bearer secret"


def test_a_recipe_is_read_from_a_file() -> None:
    recipe = {"recipe": 1, "version": "0.1.0", "request": {"description": "piano"}}

    def handle(request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("POST", "/under/api/recipe")
        assert b"fLaC" in request.content
        return httpx2.Response(200, json=recipe)

    upload = Upload("a.flac", b"fLaC")
    assert ask("http://host/under/", lambda service: service.recipe(upload), **answering(handle)) == recipe


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert ask(scripted.url, lambda service: service.models())


@pytest.mark.parametrize("url", ["", "http://", "ftp://host", "http://host:99999", "http://[::1"])
def test_what_is_no_address_is_said_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ClientError, match="is not the address of a service"):
        Service(url)


def test_a_key_that_no_header_carries_is_refused() -> None:
    with pytest.raises(ClientError, match="API key"):
        Service(api_key="schlüssel")
