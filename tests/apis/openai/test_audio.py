"""OpenAI's family: what its bodies mean, the files, the events, and how it says that something is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from musicgen_api.audio import recipe as recipes
from musicgen_api.audio.read import read
from musicgen_api.domain.errors import Busy, OutOfMemory
from musicgen_api.domain.request import Monitor, Music, MusicRequest
from tests.helpers.fakes import Pause, Service, a_request, fail_with, service
from tests.helpers.server import wait_until
from tests.helpers.sounds import RATE, likeness_db, music, play_live

SPEECH, GENERATIONS, MUSIC = "/v1/audio/speech", "/v1/audio/generations", "/v1/audio/music"
VALID: dict[str, dict[str, Any]] = {
    SPEECH: {"input": "piano"},
    GENERATIONS: {"prompt": "piano"},
    MUSIC: {"prompt": "piano"},
}
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service(play_live()) as running:
        yield running


@pytest.fixture
def own() -> Iterator[Service]:
    with service(play_live()) as running:
        yield running


def ask(running: Service, path: str, **fields: Any) -> TestResponse:
    response = running.client.post(path, json=VALID[path] | {"duration": 1} | fields)
    assert response.data
    return response


def asked(running: Service, path: str, **fields: Any) -> MusicRequest:
    response = ask(running, path, **fields)
    assert response.status_code == 200, response.text
    return running.synthesizer.requests[-1]


def error_of(response: TestResponse, status: int) -> dict[str, Any]:
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.text
    body = response.get_json()
    assert set(body) == {"error"}
    assert {"message", "type", "param", "code"} <= set(body["error"])
    assert body["error"]["message"].endswith(".")
    return dict(body["error"])


@pytest.mark.parametrize("path", VALID)
def test_a_body_of_openai_s_clients_means_a_piece_of_the_default_model(running: Service, path: str) -> None:
    sent = {
        "model": "gpt-4o-mini-tts",
        "voice": {"id": "v"},
        "instructions": "warmly",
        "speed": 2,
        "lyrics": "",
        "x": 1,
    }
    request = asked(running, path, **sent, seed=7, duration=None)
    assert request == a_request(description="piano", seed=7, live=path == SPEECH)


def test_the_parameters_of_music_and_of_generations_arrive(running: Service) -> None:
    sent = {"temperature": 0.5, "top_k": 5, "top_p": 0.5}
    assert asked(running, MUSIC, **sent, guidance=2, seed=1) == a_request(
        description="piano", duration=1, cfg_coef=2.0, **sent
    )
    assert asked(running, GENERATIONS, cfg=4, seed=1.0, duration=1.5) == a_request(
        description="piano", duration=1.5, cfg_coef=4.0, recipe=False
    )
    assert asked(running, MUSIC, prompt=None, input="techno").description == "techno"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("tts-1", "bundled/musicgen-tiny"),
        ("tts-1-hd", "bundled/musicgen-tiny"),
        ("gpt-4o-mini-tts-2025-12-15", "bundled/musicgen-tiny"),
        (None, "bundled/musicgen-tiny"),
        ("facebook/musicgen-small-stereo", "facebook/musicgen-stereo-small"),
    ],
)
def test_openai_s_names_mean_the_default_model_and_ours_mean_themselves(
    running: Service, name: str | None, model: str
) -> None:
    assert asked(running, SPEECH, model=name).model == model


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seconds", [1, 1.33])
def test_the_file_is_exactly_as_long_as_asked_for(running: Service, path: str, format: str, seconds: float) -> None:
    response = ask(running, path, response_format=format, duration=seconds)
    if format == "pcm":
        sound, rate = np.frombuffer(response.data, "<i2")[None] / np.float32(32_767), 24_000
    else:
        sound, rate = read(response.data, sample_rate=RATE).samples, RATE
    longer = sound.shape[1] - round(seconds * rate)
    # A stream of MP3 or AAC cannot say where the codec's padding is (see audio/encode.py).
    most = {"mp3": 0.15, "aac": 0.1}.get(format, 0) * rate
    assert 0 <= longer <= most
    if format not in ("pcm", "mp3", "aac"):
        assert likeness_db(music(seconds + 0.01)[:, : sound.shape[1]], sound) > 12


def test_pcm_is_what_openai_s_own_player_assumes_and_says_so() -> None:
    with service(play_live(channels=2)) as running:
        for path in VALID:
            response = ask(running, path, response_format="pcm")
            assert len(response.data) == 2 * 24_000
            assert response.headers["X-Audio-Sample-Rate"] == "24000"
            assert response.headers["X-Audio-Channels"] == "1"
        stereo = read(ask(running, SPEECH, response_format="flac").data)
        assert stereo.samples.shape == (2, RATE)


def test_the_default_is_mp3_for_speech_and_wav_for_the_others(running: Service) -> None:
    types = {path: ask(running, path).content_type for path in VALID}
    assert types == {SPEECH: "audio/mpeg", GENERATIONS: "audio/wav", MUSIC: "audio/wav"}


def test_events_carry_the_same_bytes_and_end_with_what_was_used(running: Service) -> None:
    response = ask(running, SPEECH, stream_format="sse", seed=3)
    assert response.mimetype == "text/event-stream"
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert len(deltas) > 1
    sound = b"".join(base64.b64decode(event["audio"], validate=True) for event in deltas)
    assert sound == ask(running, SPEECH, seed=3).data
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": len("piano"), "output_tokens": 4 * 50, "total_tokens": len("piano") + 4 * 50},
    }


def test_the_files_say_how_they_were_made_where_the_music_document_could_say_it(running: Service) -> None:
    recipe = recipes.read(ask(running, MUSIC, seed=5, response_format="flac").data)
    assert recipe is not None
    assert recipe.codes is not None
    assert recipe.request["seed"] == 5
    assert b'"completed"' in running.client.post("/api/music", json=dict(recipe.request)).data
    assert recipes.read(ask(running, SPEECH, seed=5).data) is not None
    assert recipes.read(ask(running, MUSIC, duration=1.5, response_format="flac").data) is None


def test_proxies_are_told_to_hold_no_sound_back(running: Service) -> None:
    for stream_format in ("audio", "sse"):
        response = ask(running, SPEECH, stream_format=stream_format)
        assert "Content-Length" not in response.headers
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store, no-transform"


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"input": None, "prompt": None}, None),
        ({"input": "", "prompt": " "}, None),
        ({"input": "x" * 2001, "prompt": "x" * 2001}, None),
        ({"response_format": "ogg"}, "response_format"),
        ({"duration": "30"}, "duration"),
        ({"duration": 301}, "duration"),
        ({"duration": 0}, "duration"),
        ({"seed": -1}, "seed"),
        ({"model": 5}, "model"),
    ],
)
def test_an_invalid_field_is_a_400_that_names_it(
    running: Service, path: str, sent: dict[str, Any], param: str | None
) -> None:
    error = error_of(running.client.post(path, json=VALID[path] | sent), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == (param or ("input" if path == SPEECH else "prompt"))


@pytest.mark.parametrize("path", VALID)
def test_an_unknown_model_is_a_404_as_openai_s(running: Service, path: str) -> None:
    error = error_of(ask(running, path, model="nobody/knows"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert error_of(running.client.get("/v1/models/nobody/knows"), 404)["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("status", "send"),
    [
        (404, lambda client: client.get("/v1/audio")),
        (404, lambda client: client.post("/v1/audio/transcriptions", data=b"x")),
        (405, lambda client: client.get(SPEECH)),
        (405, lambda client: client.post("/v1/models")),
        (400, lambda client: client.post(SPEECH, data="{", content_type="application/json")),
        (400, lambda client: client.post(SPEECH, data="[]", content_type="application/json")),
        (413, lambda client: client.post(SPEECH, data=b"x" * 70_000)),
        (415, lambda client: client.post(SPEECH, data="{}", content_type="text/plain")),
        (421, lambda client: client.get("/v1/models", headers={"Host": "rebound.example"})),
        (308, lambda client: client.get("/v1//models")),
    ],
)
def test_every_refusal_has_openai_s_shape(running: Service, status: int, send: Callable[[Any], TestResponse]) -> None:
    error_of(send(running.client), status)


@pytest.mark.parametrize("path", [MUSIC, SPEECH])
def test_what_fails_before_any_sound_has_its_own_status(own: Service, path: str) -> None:
    own.synthesizer.act = fail_with(OutOfMemory("Too much."))
    assert error_of(ask(own, path), 500)["type"] == "server_error"
    own.synthesizer.act = fail_with(RuntimeError("a secret"))
    error = error_of(ask(own, path, **({"stream_format": "sse"} if path == SPEECH else {})), 500)
    assert error["id"] in error["message"]
    assert "secret" not in error["message"]


def test_what_fails_after_the_first_sound_is_the_last_event(own: Service) -> None:
    def act(request: MusicRequest, monitor: Monitor) -> Music:
        play_live()(request, monitor)
        raise OutOfMemory("Too much.")

    own.synthesizer.act = act
    events = ask(own, SPEECH, stream_format="sse").text.split("\n\n")
    last = json.loads(events[-2].removeprefix("data: "))
    assert last["type"] == "error"
    assert last["error"]["message"] == "Too much."


@pytest.mark.parametrize("path", VALID)
def test_busy_is_a_503_after_which_the_official_client_waits_at_most_a_minute(
    own: Service, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own.gpu_thread, "_retry_after_s", lambda asker: 500)
    pause = own.synthesizer.act = Pause()
    job = own.gpu_thread.submit(a_request())
    response = ask(own, path)
    pause.proceed.set()
    wait_until(lambda: job.finished)
    assert error_of(response, 503)["code"] == Busy.code
    assert response.headers["Retry-After"] == "60"


def test_models_are_listed_as_openai_lists_them(running: Service) -> None:
    body = running.client.get("/v1/models").get_json()
    assert body["object"] == "list"
    ours = [model["id"] for model in running.client.get("/api/models").get_json()["models"]]
    assert [model["id"] for model in body["data"]] == ours
    for model in body["data"]:
        assert model == running.client.get(f"/v1/models/{model['id']}").get_json()
        assert model["object"] == "model"
        assert isinstance(model["created"], int)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["model", "input", "prompt", "voice", "response_format", "stream_format", "duration", "seed", "speed", "cfg"]
NAMES += ["guidance", "temperature", "top_k", "top_p", "lyrics"]


@pytest.mark.parametrize("path", VALID)
def test_nothing_that_is_sent_is_a_5xx(running: Service, path: str) -> None:
    @given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from([1, 0.5, "sse", "pcm", "tts-1"]), max_size=5))
    def check(sent: dict[str, Any]) -> None:
        # As short as the test allows, where the duration that was drawn is not refused anyway.
        short = {"duration": 0.25} if 0.1 <= _number(sent.get("duration", 30)) <= 300 else {}
        data = json.dumps(VALID[path] | sent | short)
        response = running.client.post(path, data=data, content_type="application/json")
        assert response.data
        assert response.status_code < 500, (sent, response.text)
        assert response.status_code == 200 or "error" in response.get_json()

    check()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else 30.0
