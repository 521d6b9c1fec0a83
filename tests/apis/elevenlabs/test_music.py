"""ElevenLabs' family: what its bodies mean, the files, and how it says that something is wrong."""

from __future__ import annotations

import email.policy
import json
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from musicgen_api.apis.elevenlabs.formats import ENCODINGS
from musicgen_api.apis.elevenlabs.schemas import guidance_of
from musicgen_api.audio.read import read
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import MusicRequest, Section
from tests.helpers.fakes import Pause, Service, a_request, fail_with, service
from tests.helpers.server import wait_until
from tests.helpers.sounds import RATE, play_live, probe

COMPOSE, STREAM, DETAILED, SOUND = "/v1/music", "/v1/music/stream", "/v1/music/detailed", "/v1/sound-generation"
VALID: dict[str, dict[str, Any]] = {
    COMPOSE: {"prompt": "piano", "music_length_ms": 3000},
    STREAM: {"prompt": "piano", "music_length_ms": 3000},
    DETAILED: {"prompt": "piano", "music_length_ms": 3000},
    SOUND: {"text": "rain", "duration_seconds": 0.5},
}
PLAN: dict[str, Any] = {
    "positive_global_styles": ["lo-fi", " "],
    "negative_global_styles": ["metal"],
    "sections": [
        {
            "section_name": "Verse",
            "positive_local_styles": ["warm piano", "80 bpm"],
            "negative_local_styles": ["drums"],
            "duration_ms": 3250,
            "lines": ["", "  "],
            "source_from": None,
        },
        {"section_name": "Chorus", "positive_local_styles": [], "duration_ms": 3100, "lines": []},
    ],
}


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service(play_live()) as running:
        yield running


@pytest.fixture
def own() -> Iterator[Service]:
    with service(play_live()) as running:
        yield running


def ask(running: Service, path: str, output_format: str | None = None, **fields: Any) -> TestResponse:
    query = {} if output_format is None else {"output_format": output_format}
    response = running.client.post(path, json=VALID[path] | fields, query_string=query)
    assert response.data
    return response


def asked(running: Service, path: str, **fields: Any) -> MusicRequest:
    response = ask(running, path, **fields)
    assert response.status_code == 200, response.text
    return running.synthesizer.requests[-1]


def error_of(response: TestResponse, status: int) -> dict[str, Any]:
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.text
    body = response.get_json()
    assert set(body) == {"detail"}
    assert body["detail"]["message"].endswith(".")
    return dict(body["detail"])


@pytest.mark.parametrize("path", [COMPOSE, STREAM, DETAILED])
def test_a_prompt_becomes_a_piece(running: Service, path: str) -> None:
    sent = {"model_id": "music_v2_5", "force_instrumental": False, "finetune_id": None, "with_timestamps": True}
    assert asked(running, path, **sent, seed=5) == a_request(
        description="piano", duration=3, seed=5, live=path == STREAM
    )
    assert asked(running, path, music_length_ms=None).duration == 30
    assert asked(running, path, music_length_ms=3210).duration == 3.21
    assert asked(running, path, model_id="facebook/musicgen-large").model == "facebook/musicgen-large"


@pytest.mark.parametrize("path", [COMPOSE, STREAM, DETAILED])
def test_a_plan_becomes_sections(running: Service, path: str) -> None:
    request = asked(running, path, prompt=None, composition_plan=PLAN)
    assert request.sections == (Section("lo-fi, warm piano, 80 bpm", 3.25), Section("lo-fi", 3.1))
    assert request.duration == 6.35


def test_the_plan_of_a_later_model_becomes_sections_too(running: Service) -> None:
    chunks = [
        {
            "text": "[Intro]\n{vinyl crackle}",
            "duration_ms": 3000,
            "positive_styles": ["lo-fi"],
            "negative_styles": None,
        },
        {"text": "[Outro]", "duration_ms": 4000, "positive_styles": []},
    ]
    request = asked(running, COMPOSE, prompt=None, composition_plan={"chunks": chunks})
    assert request.sections == (Section("lo-fi, vinyl crackle", 3), Section("Outro", 4))


def with_section(**fields: Any) -> dict[str, Any]:
    return PLAN | {"sections": [PLAN["sections"][0] | fields]}


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"prompt": None}, "prompt: Must be given"),
        ({"prompt": "x", "composition_plan": PLAN}, "prompt: Must be left out"),
        ({"prompt": " "}, "prompt: Must not be blank"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"music_length_ms": 2999}, "music_length_ms: Must be 3000 to 300000: the longest piece"),
        ({"music_length_ms": 300_001}, "the longest piece of this service is 300 s"),
        ({"music_length_ms": "3000"}, "music_length_ms"),
        ({"model_id": "nobody/knows"}, "model: Unknown model"),
        ({"seed": 1.5}, "seed"),
        ({"prompt": None, "composition_plan": with_section(lines=["la la la"])}, "without vocals and cannot sing"),
        (
            {
                "prompt": None,
                "composition_plan": {"chunks": [{"text": "[A] la", "duration_ms": 3000, "positive_styles": ["x"]}]},
            },
            "without vocals and cannot sing",
        ),
        ({"prompt": None, "composition_plan": with_section(duration_ms=2999)}, "duration_ms"),
        ({"prompt": None, "composition_plan": PLAN | {"sections": PLAN["sections"] * 11}}, "at most 20 parts"),
        ({"prompt": None, "composition_plan": {"sections": []}}, "Must have sections or chunks"),
        ({"prompt": None, "composition_plan": {"sections": [{"duration_ms": 3000}]}}, "a positive style"),
        ({"prompt": None, "composition_plan": with_section(positive_local_styles=["x" * 2000])}, "2000 characters"),
        ({"prompt": None, "composition_plan": {"chunks": [{"song_id": "x", "range": {}}]}}, "duration_ms: Missing"),
        (
            {
                "prompt": None,
                "composition_plan": PLAN
                | {"sections": [PLAN["sections"][0] | {"duration_ms": 120_000}, PLAN["sections"][0]] * 3},
            },
            "In all 369.75 seconds",
        ),
    ],
)
def test_what_cannot_be_made_is_a_422_that_says_why(running: Service, sent: dict[str, Any], why: str) -> None:
    for path in (COMPOSE, STREAM, DETAILED):
        error = error_of(ask(running, path, **sent), 422)
        assert why in error["message"]
        assert error["status"] == ("unknown_model" if "model_id" in sent else "invalid_fields")


@pytest.mark.parametrize(
    "text",
    ["{" * 60_000, "[" * 60_000, "[" + " " * 60_000, "{x" * 30_000, " " * 60_000 + "x"],
    ids=["braces", "brackets", "an open name", "open directions", "spaces"],
)
def test_a_plan_s_text_takes_linear_time(running: Service, text: str) -> None:
    plan = {"chunks": [{"text": text, "duration_ms": 3000, "positive_styles": ["x"]}]}
    began = time.monotonic()
    error_of(ask(running, COMPOSE, prompt=None, composition_plan=plan), 422)
    assert time.monotonic() - began < 5  # half a minute where the time grows with the square


def test_a_sound_is_short_and_its_influence_is_guidance(running: Service) -> None:
    request = asked(running, SOUND, model_id="eleven_text_to_sound_v2", prompt_influence=0.3)
    assert request == a_request(description="rain", duration=0.5, recipe=False, seed=request.seed)
    assert asked(running, SOUND, duration_seconds=None).duration == 5
    assert asked(running, SOUND, loop=True).loop
    assert guidance_of(0) == 1
    assert guidance_of(1) == pytest.approx(23 / 3)
    assert asked(running, SOUND, prompt_influence=1).cfg_coef == guidance_of(1)


def test_a_setting_says_which_model_makes_sounds() -> None:
    with service(play_live(), sound_model="facebook/musicgen-large") as running:
        assert asked(running, SOUND).model == "facebook/musicgen-large"
        assert asked(running, SOUND, model_id="eleven_text_to_sound_v2").model == "facebook/musicgen-large"
        assert asked(running, SOUND, model_id="facebook/musicgen-small").model == "facebook/musicgen-small"
        assert asked(running, COMPOSE).model == "bundled/musicgen-tiny"


@pytest.mark.parametrize(
    "sent",
    [
        {"text": None},
        {"text": ""},
        {"duration_seconds": 0.4},
        {"duration_seconds": 30.5},
        {"prompt_influence": 1.1},
        {"prompt_influence": True},
        {"loop": "yes"},
    ],
)
def test_an_invalid_sound_is_a_422(running: Service, sent: dict[str, Any]) -> None:
    (name,) = sent
    assert name in error_of(ask(running, SOUND, **sent), 422)["message"]


@pytest.mark.parametrize("path", [COMPOSE, STREAM])
@pytest.mark.parametrize("name", ENCODINGS)
def test_each_output_format_has_the_rates_of_its_name(running: Service, path: str, name: str) -> None:
    response = ask(running, path, name)
    codec, _, rates = ("mp3_44100_128" if name == "auto" else name).partition("_")
    rate, _, kbit = rates.partition("_")
    if codec in ("pcm", "ulaw"):
        assert len(response.data) == 3 * int(rate) * {"pcm": 2, "ulaw": 1}[codec]
        assert response.headers["X-Audio-Sample-Rate"] == rate
        assert response.headers["X-Audio-Channels"] == "1"
        return
    (stream,) = probe(response.data)["streams"]
    assert stream["codec_name"] == {"mp3": "mp3", "opus": "opus", "wav": "pcm_s16le"}[codec]
    assert stream["sample_rate"] == rate
    if codec == "mp3" and kbit != "240":  # MP3 has no 240; the nearest is taken
        assert int(stream["bit_rate"]) == pytest.approx(1000 * int(kbit), rel=0.01)


def test_a_telephone_has_one_channel_and_bare_samples_say_how_many() -> None:
    with service(play_live(channels=2)) as running:
        for path in (COMPOSE, STREAM):
            assert len(ask(running, path, "ulaw_8000").data) == 3 * 8000
            stereo = ask(running, path, "pcm_16000")
            assert len(stereo.data) == 3 * 16_000 * 2 * 2
            assert stereo.headers["X-Audio-Channels"] == "2"


@pytest.mark.parametrize("path", VALID)
def test_an_unknown_output_format_is_a_422_that_lists_the_known(running: Service, path: str) -> None:
    for name in ("mp3_44100", "alaw_8000", "MP3_44100_128", "", "x" * 1000):
        assert "mp3_44100_128" in error_of(ask(running, path, name), 422)["message"]


def parts_of(response: TestResponse) -> tuple[dict[str, Any], bytes]:
    """Read the answer as a mail program would: the JSON, and the sound."""
    head = f"Content-Type: {response.content_type}\r\n\r\n".encode()
    details, sound = message_from_bytes(head + response.data, policy=email.policy.HTTP).iter_parts()
    assert details.get_content_type() == "application/json"
    payload = sound.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return json.loads(details.get_payload(decode=True)), payload


def test_the_detailed_answer_is_a_multipart_of_json_and_sound(running: Service) -> None:
    response = ask(running, DETAILED, "wav_32000", prompt=None, composition_plan=PLAN)
    details, sound = parts_of(response)
    assert details["composition_plan"] == PLAN
    assert details["song_metadata"]["description"] == "lo-fi, warm piano, 80 bpm"
    assert read(sound).samples.shape == (1, round(6.35 * RATE))


@pytest.mark.parametrize("odd", ["1e999", "[-1e999]", "[" * 980 + "]" * 980])
def test_a_plan_that_could_not_be_told_again_is_refused_before_the_work(running: Service, odd: str) -> None:
    plan = json.dumps(PLAN | {"x": 0}).replace('"x": 0', f'"x": {odd}')
    before = len(running.synthesizer.requests)
    response = running.client.post(DETAILED, data=f'{{"composition_plan": {plan}}}', content_type="application/json")
    assert response.status_code in (400, 422), response.text
    assert len(running.synthesizer.requests) == before


def test_a_piece_without_a_plan_gets_one_that_asks_for_it_again(running: Service) -> None:
    response = ask(running, DETAILED, music_length_ms=4500)
    details, _ = parts_of(response)
    request = asked(running, COMPOSE, prompt=None, music_length_ms=None, composition_plan=details["composition_plan"])
    assert request.sections == (Section("piano", 4.5),)


@pytest.mark.parametrize(
    ("status", "send"),
    [
        (404, lambda client: client.post("/v1/music/upload", data=b"x")),
        (404, lambda client: client.get("/v1/sound-generation/x")),
        (405, lambda client: client.get(COMPOSE)),
        (400, lambda client: client.post(SOUND, data="{", content_type="application/json")),
        (413, lambda client: client.post(STREAM, data=b"x" * 70_000)),
        (415, lambda client: client.post(DETAILED, data="{}", content_type="text/plain")),
        (421, lambda client: client.post(SOUND, json={}, headers={"Host": "rebound.example"})),
    ],
)
def test_every_refusal_has_elevenlabs_shape(running: Service, status: int, send: Callable[[Any], TestResponse]) -> None:
    error_of(send(running.client), status)


@pytest.mark.parametrize("path", VALID)
def test_failures_and_busy_have_the_shape_too(own: Service, path: str) -> None:
    own.synthesizer.act = fail_with(OutOfMemory("Too much."))
    assert error_of(ask(own, path), 500) == {"status": "out_of_memory", "message": "Too much."}
    pause = own.synthesizer.act = Pause()
    job = own.gpu_thread.submit(a_request())
    response = ask(own, path)
    pause.proceed.set()
    wait_until(lambda: job.finished)
    assert error_of(response, 503)["status"] == "system_busy"
    assert response.headers["Retry-After"].isdecimal()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PART = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from([3000, ["x"], "[A]", "{x}"])
        for name in ("section_name", "positive_local_styles", "positive_styles", "duration_ms", "lines", "text")
    },
)
PLANS = st.fixed_dictionaries(
    {},
    optional={
        "positive_global_styles": JSON | st.just(["x"]),
        "sections": JSON | st.lists(PART, max_size=3),
        "chunks": JSON | st.lists(PART, max_size=3),
    },
)
NAMES = ["prompt", "text", "model_id", "seed", "loop", "prompt_influence", "force_instrumental"]


@pytest.mark.parametrize("path", VALID)
def test_nothing_that_is_sent_is_a_5xx(running: Service, path: str) -> None:
    @given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), st.none() | PLANS | JSON, st.text(max_size=9))
    def check(sent: dict[str, Any], plan: object, output_format: str) -> None:
        data = json.dumps(VALID[path] | sent | {"composition_plan": plan})
        for query in ({"output_format": output_format}, {"output_format": "pcm_8000"}):
            response = running.client.post(path, data=data, content_type="application/json", query_string=query)
            assert response.data
            assert response.status_code < 500, (sent, plan, response.text)
            assert response.status_code == 200 or "detail" in response.get_json()

    check()
