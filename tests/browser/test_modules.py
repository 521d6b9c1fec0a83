"""The page's pure modules, imported into the browser that will run them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.helpers.fakes import wav_of
from tests.helpers.scripted import ScriptedService, tone

Run = Callable[..., Any]

READ_MESSAGES = """async ([stream, cuts]) => {
  const { readMessages } = await import("/static/sse.js");
  const bytes = Uint8Array.from(atob(stream), (character) => character.charCodeAt(0));
  const edges = [0, ...cuts, bytes.length];
  const chunks = edges.slice(1).map((edge, index) => bytes.slice(edges[index], edge));
  const messages = [];
  for await (const message of readMessages(chunks)) messages.push(message);
  return messages;
}"""


@pytest.fixture(scope="module")
def run(chromium: Browser) -> Iterator[Run]:
    """Call a JavaScript function, which may import the modules, with one argument."""
    with ScriptedService() as service, chromium.new_context() as context:
        page = context.new_page()
        page.goto(service.url)
        yield page.evaluate


def read_messages(run: Run, stream: bytes, cuts: list[int]) -> list[str]:
    messages: list[str] = run(READ_MESSAGES, [base64.b64encode(stream).decode(), cuts])
    return messages


def test_messages_survive_a_cut_at_every_byte(run: Run) -> None:
    stream = (
        "data: 音楽\n\n"
        "data:é\r\n\r\n"
        ": a comment, then nothing\n\n\n"
        "data: a\r\ndata: 🎹\r\n\r\n"
        "data: b\rdata\rdata: c\r\r"
    ).encode()
    expected = ["音楽", "é", "a\n🎹", "b\n\nc"]
    for cut in range(len(stream) + 1):
        assert read_messages(run, stream, [cut]) == expected, cut
    assert read_messages(run, stream, list(range(1, len(stream)))) == expected


def test_messages_survive_any_chunks_and_line_ends(run: Run) -> None:
    chance = random.Random(0)
    for _ in range(100):
        end = chance.choice(["\n", "\r\n", "\r"])
        sent = ["".join(chance.choices("a音é🎹 :{}", k=chance.randrange(1, 20))) for _ in range(5)]
        space = chance.choice(["", " "])
        noise = chance.choice(["", f": keep-alive{end}", f"id: 7{end}", f"retry{end}"])
        # A first space after the colon belongs to the format: a message that begins with one needs another.
        spaces = [space or " " * message.startswith(" ") for message in sent]
        stream = "".join(f"{noise}data:{s}{m}{end}{end}" for s, m in zip(spaces, sent, strict=True)).encode()
        cuts = sorted(chance.choices(range(len(stream) + 1), k=chance.randrange(12)))
        assert read_messages(run, stream, cuts) == sent, (stream, cuts)


def test_a_message_that_the_end_cuts_off_is_dropped(run: Run) -> None:
    assert read_messages(run, b"data: whole\n\ndata: half", []) == ["whole"]
    assert read_messages(run, b"data: whole\n\ndata: line without its empty line\n", []) == ["whole"]


def test_a_long_message_comes_whole_out_of_many_chunks(run: Run) -> None:
    message = "a" * 1_000_000
    stream = f"data: {message}\n\n".encode()
    assert read_messages(run, stream, list(range(0, len(stream), 999))) == [message]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 196_607, 196_608, 196_609, 1_000_001])
def test_base64_comes_back_byte_for_byte(run: Run, length: int) -> None:
    data = random.Random(length).randbytes(length)
    decode = """async (text) => {
      const { decodeBase64 } = await import("/static/base64.js");
      const digest = await crypto.subtle.digest("SHA-256", decodeBase64(text));
      return [...new Uint8Array(digest)];
    }"""
    assert bytes(run(decode, base64.b64encode(data).decode())) == hashlib.sha256(data).digest()


PARSE = """async (raw) => {
  const { createRules, parseSettings } = await import("/static/settings.js");
  const rules = createRules({ maxPromptChars: 10, maxDurationS: 300, maxTakes: 8, loudness: [-30, -5],
                              models: ["a/b", "c/d"] });
  const usual = { description: "calm", model: "a/b", duration: "30", takes: "1", top_k: "250", top_p: "0",
                  temperature: "1", cfg_coef: "3", mbd: "false", seed: "", loudness: "", fade_in: "0", fade_out: "0",
                  loop: "false", sections: "false" };
  return parseSettings({ ...usual, ...raw }, rules);
}"""


def test_strings_become_a_request(run: Run) -> None:
    raw = {"duration": "8", "temperature": "0.5", "mbd": "true", "seed": "9007199254740991"}
    parsed = run(PARSE, raw)
    assert parsed["errors"] == {}
    assert parsed["settings"] == {
        "description": "calm",
        "model": "a/b",
        "duration": 8,
        "top_k": 250,
        "top_p": 0,
        "temperature": 0.5,
        "cfg_coef": 3,
        "mbd": True,
        "seed": 2**53 - 1,
    }


def test_an_empty_seed_is_left_to_the_service(run: Run) -> None:
    assert "seed" not in run(PARSE, {"seed": " "})["settings"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("description", ""),
        ("description", " \n"),
        ("description", "a" * 11),
        ("model", "c"),
        *[("duration", text) for text in ["", "0", "-1", "1.5", "301", "30 s", "?", "Infinity"]],
        *[("top_k", text) for text in ["", "0", "2.5", "1e300"]],
        *[("top_p", text) for text in ["", "-0.1", "1.1", "NaN"]],
        *[("temperature", text) for text in ["", "0", "-1", "1e400"]],
        *[("cfg_coef", text) for text in ["", "101", "-101", "three"]],
        *[("seed", text) for text in ["?", "-1", "0.5", "9007199254740992"]],
        *[("takes", text) for text in ["", "0", "9", "1.5"]],
        *[("loudness", text) for text in ["-31", "-4", "loud"]],
        *[(name, text) for name in ["fade_in", "fade_out"] for text in ["", "-1", "301"]],
    ],
)
def test_what_the_service_would_refuse_is_refused_before(run: Run, field: str, text: str) -> None:
    assert list(run(PARSE, {field: text})["errors"]) == [field]


def test_characters_are_counted_as_the_service_does(run: Run) -> None:
    assert run(PARSE, {"description": "🎹" * 10})["errors"] == {}
    assert list(run(PARSE, {"description": "🎹" * 11})["errors"]) == ["description"]


def test_a_query_repeats_settings(run: Run) -> None:
    round_trip = """async ([raw, defaults]) => {
      const { toQuery, fromQuery } = await import("/static/settings.js");
      const query = toQuery(raw, defaults);
      return [query, { ...defaults, ...fromQuery(query, Object.keys(defaults)) }];
    }"""
    defaults = {"description": "", "model": "a/b", "duration": "30", "seed": ""}
    for raw in [
        {"description": "piano & bass = 50 % + “音” 🎹\nnew line", "model": "a/b", "duration": "30", "seed": "0"},
        {"description": "x", "model": "c/d", "duration": "", "seed": "?"},
        defaults,
    ]:
        query, back = run(round_trip, [raw, defaults])
        assert back == raw
        assert (query == "") == (raw == defaults)
        assert query == "" or "model=" in query


def test_a_query_cannot_bring_fields_that_do_not_exist(run: Run) -> None:
    read = """async (query) => {
      const { fromQuery } = await import("/static/settings.js");
      return fromQuery(query, ["seed"]);
    }"""
    assert run(read, "?seed=1&__proto__=2&constructor=3&other=4") == {"seed": "1"}


FOLLOW = """async (steps) => {
  const { Progress } = await import("/static/progress.js");
  const progress = new Progress(100);
  return steps.map(([event, nowS]) => {
    if (event) progress.update(event, nowS);
    return progress.view(nowS);
  });
}"""


def generating(percent: float, **more: Any) -> dict[str, Any]:
    return {"status": "generating", "progress": percent} | more


def test_time_left_is_the_services_and_runs_down_between_events(run: Run) -> None:
    event = generating(40, phase="generating", elapsed_s=4, remaining_s=6)
    views = run(FOLLOW, [[event, 104], [None, 106], [event, 107], [None, 120]])
    assert [view["remainingS"] for view in views] == [6, 4, 3, 0]
    assert [view["elapsedS"] for view in views] == [4, 6, 7, 20]
    assert {view["percent"] for view in views} == {40}


def test_time_left_is_reckoned_from_the_pace_if_the_service_does_not_say(run: Run) -> None:
    (view,) = run(FOLLOW, [[generating(25, phase="generating"), 110]])
    assert view["remainingS"] == 30


def test_time_left_stays_open_while_the_service_cannot_tell(run: Run) -> None:
    (view,) = run(FOLLOW, [[generating(25, phase="generating", remaining_s=None), 110]])
    assert view["remainingS"] is None


def test_phases_have_names_and_only_countable_ones_a_percentage(run: Run) -> None:
    views = run(
        FOLLOW,
        [
            [None, 100],
            [{"status": "started", "seed": 1}, 101],
            [generating(0), 101],
            [{"status": "loading", "model": "facebook/musicgen-small", "bytes_done": 0, "bytes_total": 0}, 102],
            [{"status": "loading", "model": "m/n", "bytes_done": 470_000_000, "bytes_total": 1_880_000_000}, 103],
            [generating(0, phase="loading"), 104],
            [generating(7, phase="generating"), 105],
            [generating(80, phase="diffusing"), 106],
            [generating(95, phase="decoding"), 107],
            [generating(100), 108],
        ],
    )
    assert [view["percent"] for view in views] == [None, None, None, None, 25, None, 7, 80, 95, 100]
    assert views[4]["detail"] == "m/n: 470.0 MB of 1.9 GB"
    assert len({view["title"] for view in views}) == 7
    assert views[-1]["title"] == views[-2]["title"]


def test_the_place_in_the_line_is_told(run: Run) -> None:
    (view,) = run(FOLLOW, [[{"status": "queued", "position": 2, "wait_s": 30}, 110]])
    assert (view["percent"], view["title"], view["detail"]) == (None, "Waiting in line", "Place 2")


def test_a_long_silence_is_told(run: Run) -> None:
    event = generating(40, phase="generating", remaining_s=60)
    heard, silent, again = run(FOLLOW, [[event, 110], [None, 130], [event, 131]])
    assert heard["detail"] == again["detail"] == ""
    assert "20 s" in silent["detail"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3675, "1:01:15"), (-1, "0:00")]
)
def test_times_are_written_as_on_a_clock(run: Run, seconds: float, text: str) -> None:
    assert run("async (s) => (await import('/static/progress.js')).formatTime(s)", seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_880_000_000, "1.9 GB"), (5e15, "5000.0 TB")]
)
def test_sizes_are_written_in_powers_of_ten(run: Run, size: float, text: str) -> None:
    assert run("async (b) => (await import('/static/progress.js')).formatBytes(b)", size) == text


READ_WAV = """async ([text, columns]) => {
  const { readWav, findPeaks } = await import("/static/wav.js");
  const { decodeBase64 } = await import("/static/base64.js");
  const { samples, ...format } = readWav(decodeBase64(text));
  return { ...format, length: samples.length, peaks: [...findPeaks(samples, columns)] };
}"""


def test_a_wav_is_read_and_its_loudness_found(run: Run) -> None:
    read = run(READ_WAV, [base64.b64encode(wav_of(tone(4))).decode(), 16])
    assert (read["sampleRateHz"], read["channels"], read["length"]) == (32000, 1, 4 * 32000)
    assert read["peaks"][0] < 0.1 < 0.7 < max(read["peaks"]) <= 1


def test_a_chunk_of_odd_length_before_the_sound_is_skipped(run: Run) -> None:
    plain = wav_of(tone(1))
    extra = b"LIST" + (3).to_bytes(4, "little") + b"abc\0"
    stuffed = plain[:36] + extra + plain[36:]
    expected = run(READ_WAV, [base64.b64encode(plain).decode(), 8])
    assert run(READ_WAV, [base64.b64encode(stuffed).decode(), 8]) == expected


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a wave file at all", wav_of(tone(1))[:40]])
def test_what_is_no_wav_is_refused(run: Run, data: bytes) -> None:
    refused = """async (text) => {
      const { readWav } = await import("/static/wav.js");
      const { decodeBase64 } = await import("/static/base64.js");
      try { readWav(decodeBase64(text)); } catch (error) { return error.name; }
    }"""
    assert run(refused, base64.b64encode(data).decode()) == "RangeError"


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("Calm piano, slow!", "calm-piano-slow-7.wav"),
        ("电子音乐，带有强烈的鼓点", "电子音乐-带有强烈的鼓点-7.wav"),
        ("../../etc/passwd", "etc-passwd-7.wav"),
        ("!!!", "music-7.wav"),
        ("word " * 100, "word-word-word-word-word-word-word-word-word-wor-7.wav"),
    ],
)
def test_a_download_has_a_telling_name(run: Run, description: str, name: str) -> None:
    assert run("async (text) => (await import('/static/piece.js')).fileName(text, 7)", description) == name


ASK = """async ([bodies, status]) => {
  const { createMusic } = await import("/static/api.js");
  const asked = [];
  window.fetch = async (url, options) => {
    asked.push(options.body);
    return new Response(bodies, { status, headers: { "Retry-After": "7" } });
  };
  const events = [];
  try {
    for await (const event of createMusic("/x", { duration: 8 }, new AbortController().signal)) events.push(event);
  } catch ({ constructor, message, fields, retryAfterS }) {
    return { events, error: constructor.name, message, fields, retryAfterS, asked };
  }
  return { events, asked };
}"""


def ask(run: Run, body: str, status: int = 200) -> dict[str, Any]:
    answer: dict[str, Any] = run(ASK, [body, status])
    return answer


def test_an_error_event_is_an_error(run: Run) -> None:
    error = {"error": "No memory.", "code": "out_of_memory", "fields": {"duration": ["Too long."]}}
    answer = ask(run, f'data: {{"status": "started"}}\n\ndata: {json.dumps(error)}\n\n')
    assert answer["events"] == [{"status": "started"}]
    assert (answer["error"], answer["message"]) == ("ServiceError", "No memory.")
    assert answer["fields"] == {"duration": ["Too long."]}


@pytest.mark.parametrize("body", ["data: nonsense\n\n", "data: 7\n\n", "data: null\n\n"])
def test_an_event_that_is_no_object_is_an_error(run: Run, body: str) -> None:
    assert ask(run, body)["error"] == "ServiceError"


def test_a_stream_without_an_end_is_an_error(run: Run) -> None:
    answer = ask(run, 'data: {"status": "started"}\n\n')
    assert answer["error"] == "ConnectionError"
    assert json.loads(answer["asked"][0]) == {"duration": 8}


def test_what_follows_the_completed_event_is_not_read(run: Run) -> None:
    answer = ask(run, 'data: {"status": "completed"}\n\ndata: nonsense\n\n')
    assert answer["events"] == [{"status": "completed"}]
    assert "error" not in answer


def test_a_refusal_that_is_no_json_still_says_its_status(run: Run) -> None:
    assert "502" in ask(run, "<h1>Bad gateway</h1>", 502)["message"]


def test_a_503_says_when_to_come_back(run: Run) -> None:
    answer = ask(run, '{"error": "busy", "code": "busy"}', 503)
    assert (answer["error"], answer["retryAfterS"]) == ("BusyError", 7)
