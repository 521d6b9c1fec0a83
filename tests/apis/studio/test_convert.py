"""The same music as another kind of file."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from musicgen_api.audio import recipe as recipes
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.domain.request import Music, Take
from tests.helpers.fakes import Pause, Service, a_request, service
from tests.helpers.server import wait_until
from tests.helpers.uploads import send_form, send_json


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture(scope="module")
def piece(running: Service) -> bytes:
    """A second of a tone from the service, with its recipe."""
    tone = np.sin(np.arange(32_000) / 20)[None].astype(np.float32) / 2
    running.synthesizer.act = lambda request, monitor: Music((Take(request.seed, tone),), 32_000)
    answer = send_form(running, "/generate", seed=7, duration=1)
    assert answer.status_code == 200
    return answer.data


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "opus", "aac"])
def test_a_file_becomes_another_one_and_keeps_its_recipe(running: Service, piece: bytes, name: str) -> None:
    answer = send_form(running, "/api/convert", file=piece, format=name)
    assert answer.status_code == 200
    encoding = Encoding(Format(name))
    assert answer.mimetype == encoding.content_type
    assert f"music.{encoding.extension}" in answer.headers["Content-Disposition"]
    before, after = recipes.read(piece), recipes.read(answer.data)
    assert before is not None
    assert after is not None
    assert after.request == {**before.request, "format": name}
    assert after.request["seed"] == 7


def test_lossless_means_the_same_samples(running: Service, piece: bytes) -> None:
    answer = send_json(running, "/api/convert", file=piece, format="flac")
    before, after = (soundfile.read(io.BytesIO(file), dtype="int16")[0] for file in (piece, answer.data))
    assert np.array_equal(before, after)


def test_a_busy_service_converts(running: Service, piece: bytes) -> None:
    pause = Pause()
    act, running.synthesizer.act = running.synthesizer.act, pause
    job = running.gpu_thread.submit(a_request())
    assert send_form(running, "/api/convert", file=piece, format="mp3").status_code == 200
    pause.proceed.set()
    wait_until(lambda: job.finished, why="the other's job")
    running.synthesizer.act = act


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"format": "mp3"}, "file"),
        ({"file": b"no sound at all", "format": "mp3"}, "file"),
        ({"file": b"", "format": "mp3"}, "file"),
        ({"file": "music.wav", "format": "mp3"}, "file"),
        ({"format": "tape"}, "format"),
        ({"format": "ulaw"}, "format"),
        ({"format": 3}, "format"),
        ({"format": "mp3", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_its_field(
    running: Service, piece: bytes, fields: dict[str, object], wrong: str
) -> None:
    body = fields if wrong == "file" else {"file": piece} | fields
    answer = send_json(running, "/api/convert", **body)
    assert answer.status_code == 422
    assert wrong in answer.get_json()["fields"]
