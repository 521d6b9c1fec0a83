from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.apis.documents import event_stream as sse
from musicgen_api.audio.wav import encode_wav
from musicgen_api.domain.errors import GenerationFailed, InvalidFields
from musicgen_api.domain.events import Completed, Downloading, Event, Failed, Progress
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Phase, Sound, Take
from tests.helpers.fakes import MUSIC, WAV, a_request, service

TEXTS = st.text() | st.lists(st.sampled_from(["data: ", "data:", " ", "\n", "\r", "音", "\\", '"', "\u2028"])).map(
    "".join
)
MESSAGES = st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS), min_size=1)


def read_like_the_document(stream: bytes) -> list[dict[str, Any]]:
    """What the document's client makes of a stream, with the splitting of `requests.iter_lines`."""
    return [json.loads(line.decode("utf-8").split("data: ")[1]) for line in stream.splitlines() if line]


@given(st.lists(MESSAGES, min_size=1, max_size=4))
def test_the_document_s_client_reads_back_whatever_is_sent(messages: list[dict[str, Any]]) -> None:
    stream = b"".join(map(sse.encode, messages))
    assert read_like_the_document(stream) == messages


@given(MESSAGES)
def test_an_event_is_one_ascii_line_with_one_prefix_and_an_empty_line(message: dict[str, Any]) -> None:
    event = sse.encode(message)
    assert event.isascii()
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    assert b"\r" not in event
    assert event.startswith(b"data: {")
    assert event.count(b"data: ") == 1


@given(MESSAGES, st.lists(st.binary()))
def test_files_stand_in_an_event_as_they_are(message: dict[str, Any], files: list[bytes]) -> None:
    encoded = [base64.b64encode(file) for file in files]
    sent = message | {"takes": [{"audio_data": file, "seed": 1} for file in encoded], "audio_data": b"eA=="}
    (read,) = read_like_the_document(sse.encode(sent))
    takes = [{"audio_data": file.decode(), "seed": 1} for file in encoded]
    assert read == message | {"takes": takes, "audio_data": "eA=="}


def test_a_large_event_takes_little_memory_beside_its_files() -> None:
    """JSON's writer, searching and encoding each made a copy of all files, and held up all other threads meanwhile."""
    file = base64.b64encode(bytes(12_000_000))
    tracemalloc.start()
    try:
        event = sse.encode({"takes": [{"audio_data": file}] * 4})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(event) < peak < 1.2 * len(event)


def test_a_stream_begins_with_the_model_and_the_seed() -> None:
    request = a_request(model="m", seed=7)
    assert sse.started(request) == {"status": "started", "model": "m", "seed": 7}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Downloading("m", 10, 200),
            {"status": "loading", "model": "m", "bytes_done": 10, "bytes_total": 200},
        ),
        (
            Progress(12.345, Phase.GENERATING, 1.23, 8.88),
            {"status": "generating", "progress": 12.3, "phase": "generating", "elapsed_s": 1.2, "remaining_s": 8.9},
        ),
        (
            Progress(0.0, Phase.LOADING, 0.0, None),
            {"status": "generating", "progress": 0.0, "phase": "loading", "elapsed_s": 0.0, "remaining_s": None},
        ),
        (
            Failed(GenerationFailed("No luck.")),
            {"error": "No luck.", "code": "generation_failed"},
        ),
        (
            Failed(InvalidFields({"seed": ["Too big."]})),
            {"error": "Invalid request. seed: Too big.", "code": "invalid_fields", "fields": {"seed": ["Too big."]}},
        ),
    ],
)
def test_each_event_has_its_message(event: Event, expected: dict[str, Any]) -> None:
    message = sse.message(event, a_request())
    assert message == expected
    assert read_like_the_document(sse.encode(message)) == [expected]


def test_the_end_carries_the_wav_and_what_makes_it_again() -> None:
    request = a_request(model="m", seed=7, duration=1, recipe=False)
    message = sse.message(Completed(MUSIC), request)
    assert base64.b64decode(message.pop("audio_data"), validate=True) == WAV
    assert message == {
        "status": "completed",
        "model": "m",
        "seed": 7,
        "duration": 1,
        "sample_rate": 32_000,
        "channels": 1,
    }


def test_progress_is_never_rounded_up_to_the_end() -> None:
    assert sse.message(Progress(99.9, Phase.DECODING, 1, None), a_request())["progress"] < 100


def test_with_more_takes_the_end_has_them_all_and_the_first_as_the_document_says() -> None:
    loud = np.full((1, 32_000), 0.5, np.float32)
    music = Music((*MUSIC.takes, Take(8, loud)), 32_000)
    message = sse.message(Completed(music), a_request(seed=7, duration=1, takes=2, recipe=False))
    assert message["takes"][0]["audio_data"] == message["audio_data"]
    assert [set(take) for take in message["takes"]] == [{"seed", "audio_data"}] * 2
    assert [base64.b64decode(take["audio_data"]) for take in message["takes"]] == [WAV, encode_wav(loud, 32_000, 1)]


def test_sound_is_told_in_little_endian_samples_of_all_channels() -> None:
    samples = np.array([[1, 2, -3], [4, 5, -6]], np.int16)
    message = sse.message(Sound(1.5, samples, 32_000), a_request())
    pcm = base64.b64decode(message.pop("pcm"), validate=True)
    assert np.frombuffer(pcm, "<i2").tolist() == [1, 4, 2, 5, -3, -6]
    assert message == {"status": "audio", "from_s": 1.5, "sample_rate": 32_000, "channels": 2}


def test_sound_is_sent_once_and_progress_again_in_silence() -> None:
    def one_sound_then_silence(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.progress(50.0, Phase.GENERATING)
        monitor.sound(Sound(0.0, np.ones((1, 8), np.int16), 32_000))
        time.sleep(0.5)  # ten heartbeats
        return MUSIC

    with service(one_sound_then_silence, heartbeat_s=0.05) as served:
        stream = served.client.post("/api/music", json={"description": "piano", "live": True}).data
    kinds = [message["status"] for message in read_like_the_document(stream)]
    assert kinds.count("audio") == 1
    assert kinds[kinds.index("audio") :].count("generating") > 2
