"""OpenAI's own Python client, unchanged, against a real gunicorn."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from openai import APIConnectionError, APIStatusError, BadRequestError, InternalServerError, NotFoundError, OpenAI

from musicgen_api.audio.read import read
from tests.helpers import nginx
from tests.helpers.fakes import BREAKS_OFF
from tests.helpers.server import Server
from tests.helpers.sockets import ask as ask_raw
from tests.helpers.sockets import post as raw_post

FREE_S = 5.0
"""Longest wait for the lock on a busy machine."""
LONG_S = 300
SPEECH: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "alloy"}


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a service that makes silence at a pace, live as well."""
    log = tmp_path_factory.mktemp("openai") / "log"
    with Server({}, log, application="tests.helpers.paced_service:app") as server:
        yield server


@pytest.fixture
def client(paced: Server) -> Iterator[OpenAI]:
    """Lend a client that does not try again, and leave the service free."""
    with OpenAI(base_url=f"{paced.url}/v1", api_key="unused", max_retries=0) as client:
        yield client
    paced.wait_until_free()


def test_speech_is_music_from_a_real_model(server: Server) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key="unused") as client:
        created = client.audio.speech.create(**SPEECH, input="calm piano", extra_body={"duration": 2.51, "seed": 1})
        assert created.response.headers["content-type"] == "audio/mpeg"
        assert 2.51 <= read(created.read()).duration_s < 2.7
        again = client.audio.speech.create(
            **SPEECH, input="calm piano", response_format="pcm", extra_body={"duration": 2.51, "seed": 1}
        )
        assert len(again.read()) == 2 * round(24_000 * 2.51)
        assert np.frombuffer(again.content, "<i2").std() > 1


def test_the_stream_is_the_whole_piece(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        **SPEECH, input="calm piano", response_format="pcm", extra_body={"duration": 4}
    ) as response:
        assert sum(map(len, response.iter_bytes(1024))) == 2 * 24_000 * 4


def test_events_carry_the_whole_piece(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        **SPEECH, input="calm piano", response_format="pcm", stream_format="sse", extra_body={"duration": 4}
    ) as response:
        events = [json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line]
    *deltas, done = events
    assert (done["type"], done["usage"]["input_tokens"]) == ("speech.audio.done", len("calm piano"))
    sound = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert len(deltas) > 1
    assert len(sound) == 2 * 24_000 * 4


def test_a_failure_after_the_first_sound_breaks_the_answer_off(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        **SPEECH, input=BREAKS_OFF, response_format="pcm", extra_body={"duration": 4}
    ) as response:
        chunks = response.iter_bytes(1024)
        assert next(chunks)
        with pytest.raises(Exception, match="incomplete chunked read"):
            list(chunks)
    with pytest.raises(APIConnectionError):
        client.audio.speech.create(**SPEECH, input=BREAKS_OFF, extra_body={"duration": 4})


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_sound_arrives_while_it_is_made_and_a_client_that_leaves_stops_the_job(
    client: OpenAI, paced: Server, stream_format: Any
) -> None:
    with client.audio.speech.with_streaming_response.create(
        **SPEECH, input="calm piano", stream_format=stream_format, extra_body={"duration": LONG_S}
    ) as response:
        chunks = response.iter_bytes(16)  # if nobody held it, the client would close the connection
        assert next(chunks)
        assert paced.busy
    paced.wait_until_free(FREE_S)


def test_models_are_found(client: OpenAI) -> None:
    models = client.models.list().data
    assert "bundled/musicgen-tiny" in [model.id for model in models]
    assert client.models.retrieve("facebook/musicgen-small").owned_by == "facebook"
    with pytest.raises(NotFoundError) as unknown:
        client.models.retrieve("nobody/knows")
    assert unknown.value.code == "model_not_found"


def test_errors_are_the_client_s_own(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="response_format: Must be one of") as refused:
        client.audio.speech.create(**SPEECH, input="x", response_format="ogg")  # type: ignore[arg-type]
    assert (refused.value.param, refused.value.type) == ("response_format", "invalid_request_error")
    with pytest.raises(NotFoundError):
        client.audio.speech.create(model="nobody/knows", voice="alloy", input="x")
    with pytest.raises(APIStatusError, match="larger than the service accepts") as too_large:
        client.audio.speech.create(**SPEECH, input="x" * 70_000)
    assert too_large.value.status_code == 413


def test_the_front_refuses_in_the_family_s_shape_too(paced: Server) -> None:
    body = b"x" * 70_000
    assert "message" in ask_raw(paced, raw_post("/v1/audio/speech?x=1", body)).json["error"]
    assert isinstance(ask_raw(paced, raw_post("/generate", body)).json["error"], str)


def test_the_client_waits_as_long_as_a_busy_service_says(client: OpenAI, paced: Server) -> None:
    with paced.music(duration=200) as other:
        with pytest.raises(InternalServerError) as busy:
            client.audio.speech.create(**SPEECH, input="calm piano")
        assert busy.value.status_code == 503
        assert 0 < int(busy.value.response.headers["retry-after"]) <= 60
        began = time.monotonic()
        patient = client.with_options(max_retries=20)
        assert patient.audio.speech.create(**SPEECH, input="calm piano", extra_body={"duration": 1}).read()
        assert time.monotonic() - began >= 1  # no time-out: the service says whole seconds
        assert b'"completed"' in other.content


@pytest.mark.parametrize("path", ["/v1/audio/generations", "/v1/audio/music"])
def test_the_routes_of_lemonade_and_of_infinitemodel_answer_with_a_whole_wav(paced: Server, path: str) -> None:
    # As their own clients send it.
    body = {"model": "bundled/musicgen-tiny", "prompt": "calm piano", "duration": 3, "steps": 4, "guidance": 3.0}
    response = paced.post(path, body)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "audio/wav")
    with soundfile.SoundFile(io.BytesIO(response.content)) as sound:
        assert (sound.format, sound.samplerate, len(sound)) == ("WAV", 32_000, 96_000)


def test_all_of_it_works_through_nginx(client: OpenAI, paced: Server, tmp_path: Path) -> None:
    with nginx.in_front_of(paced, tmp_path) as proxy:
        proxied = client.with_options(base_url=f"{proxy.url}/v1")
        stream = partial(proxied.audio.speech.with_streaming_response.create, **SPEECH, response_format="pcm")
        with stream(input="calm piano", extra_body={"duration": 4}) as response:
            assert sum(map(len, response.iter_bytes(1024))) == 2 * 24_000 * 4
        with (
            stream(input=BREAKS_OFF, extra_body={"duration": 4}) as response,
            pytest.raises(Exception, match="incompl"),
        ):
            list(response.iter_bytes(1024))
        with stream(input="calm piano", extra_body={"duration": LONG_S}) as response:
            chunks = response.iter_bytes(1024)
            assert next(chunks)
            assert paced.busy
        paced.wait_until_free(FREE_S)
