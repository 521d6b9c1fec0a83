"""ElevenLabs' own Python client, unchanged, against a real gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from elevenlabs import ElevenLabs, MusicPrompt, SongSection
from elevenlabs.core import ApiError
from elevenlabs.errors import UnprocessableEntityError

from musicgen_api.audio.read import read
from tests.helpers.fakes import BREAKS_OFF
from tests.helpers.server import Server

FREE_S = 5.0
"""Longest wait for the lock on a busy machine."""
LONG_MS = 300_000


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a service that makes silence at a pace, live as well."""
    log = tmp_path_factory.mktemp("elevenlabs") / "log"
    with Server({}, log, application="tests.helpers.paced_service:app") as server:
        yield server


@pytest.fixture
def client(paced: Server) -> Iterator[ElevenLabs]:
    """Lend a client, and leave the service free."""
    with a_client(paced) as client:
        yield client
    paced.wait_until_free()


@contextmanager
def a_client(server: Server) -> Iterator[ElevenLabs]:
    """Make a client whose connections are closed in the end."""
    with httpx.Client(timeout=60) as connections:
        yield ElevenLabs(base_url=server.url, api_key="unused", httpx_client=connections)


def plan(*lines: str) -> MusicPrompt:
    sections = [
        SongSection(
            section_name=name,
            positive_local_styles=[style],
            negative_local_styles=[],
            duration_ms=3500,
            lines=list(lines),
        )
        for name, style in [("Verse", "warm piano"), ("Chorus", "strings")]
    ]
    return MusicPrompt(positive_global_styles=["lo-fi"], negative_global_styles=["metal"], sections=sections)


def test_music_and_sounds_come_from_a_real_model(server: Server) -> None:
    with a_client(server) as client:
        composed = b"".join(client.music.compose(prompt="calm piano", music_length_ms=3250, seed=1))
        streamed = b"".join(client.music.stream(composition_plan=plan(), output_format="pcm_16000", seed=1))
        sounds = client.text_to_sound_effects
        sound = b"".join(sounds.convert(text="rain", duration_seconds=0.5, prompt_influence=0.5))
        # Not whole frames: with its overlap the piece is more than twice as long as the loop.
        loop = b"".join(sounds.convert(text="rain", duration_seconds=0.505, loop=True, output_format="pcm_32000"))
    assert read(composed).duration_s == pytest.approx(3.25, abs=0.001)
    assert len(streamed) == 2 * 16_000 * 7
    assert len(loop) == 2 * 16_160
    assert read(sound).duration_s == pytest.approx(0.5, abs=0.001)


def test_the_detailed_answer_is_what_the_client_reads(server: Server) -> None:
    with a_client(server) as client:
        detailed = client.music.compose_detailed(composition_plan=plan(), output_format="mp3_44100_128")
    assert detailed.filename == "music.mp3"
    sections = detailed.json["composition_plan"]["sections"]
    assert [section["section_name"] for section in sections] == ["Verse", "Chorus"]
    assert detailed.json["song_metadata"]["description"] == "lo-fi, warm piano"
    assert read(detailed.audio).duration_s == pytest.approx(7, abs=0.1)


def test_the_stream_is_the_whole_piece(client: ElevenLabs) -> None:
    chunks = client.music.stream(prompt="calm piano", music_length_ms=4000, output_format="pcm_16000")
    assert sum(map(len, chunks)) == 2 * 16_000 * 4


def test_sound_arrives_while_it_is_made_and_a_client_that_leaves_stops_the_job(
    client: ElevenLabs, paced: Server
) -> None:
    chunks: Any = client.music.stream(prompt="calm piano", music_length_ms=LONG_MS)
    assert next(chunks)
    assert paced.busy
    chunks.close()
    paced.wait_until_free(FREE_S)


def test_a_failure_after_the_first_sound_breaks_the_answer_off(client: ElevenLabs) -> None:
    with pytest.raises(Exception, match="incomplete chunked read"):
        list(client.music.stream(prompt=BREAKS_OFF, music_length_ms=4000, output_format="pcm_16000"))


def test_errors_are_the_client_s_own(client: ElevenLabs, paced: Server) -> None:
    with pytest.raises(UnprocessableEntityError) as lyrics:
        list(client.music.compose(composition_plan=plan("la la la")))
    assert "cannot sing" in lyrics.value.body["detail"]["message"]
    with pytest.raises(ApiError) as too_large:
        list(client.music.compose(prompt="x" * 70_000))
    assert (too_large.value.status_code, too_large.value.body["detail"]["status"]) == (413, "request_entity_too_large")
    with paced.music(duration=300), pytest.raises(ApiError) as busy:
        list(client.music.compose(prompt="calm piano"))
    assert (busy.value.status_code, busy.value.body["detail"]["status"]) == (503, "system_busy")
