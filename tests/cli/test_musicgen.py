"""The command as people run it: a process of its own, against the real routes over a scripted synthesizer."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from musicgen_api.audio import recipe
from musicgen_api.audio.wav import encode_wav
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Phase
from tests.helpers.fakes import ROOT
from tests.helpers.nginx import free_port
from tests.helpers.scripted import ScriptedService, tone
from tests.helpers.server import Server, wait_until
from tests.helpers.set_up import script
from tests.helpers.sounds import likeness_db

LONG_S = 60.0
WAV = encode_wav(tone(1).takes[0].waveform, 32_000, 1)


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedService]:
    with ScriptedService() as scripted:
        yield scripted


@pytest.fixture(autouse=True)
def ctrl_c_reaches_processes() -> Iterator[None]:
    """A shell that starts the tests in the background makes them, and what they start, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder: Path, *words: str, stderr: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[bytes]:
    """Run `musicgen` with these words in `folder`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUSICGEN_")}
    return subprocess.Popen(
        [sys.executable, "-m", "musicgen_api.cli", *words],
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def end(process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    """The exit code and what was printed."""
    out, err = process.communicate(timeout=LONG_S)
    return process.returncode, out, (err or b"").decode()


def run(folder: Path, *words: str, **environment: str) -> tuple[int, bytes, str]:
    return end(start(folder, *words, **environment))


def test_the_music_is_in_the_file_and_its_name_is_printed(scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.complete()
    words = ("warm lo-fi beat", "--seconds", "1", "--seed", "5", "--no-recipe", "--server", scripted.url)
    assert run(tmp_path, *words, "-o", "beat.wav") == (0, b"beat.wav\n", "")
    assert (tmp_path / "beat.wav").read_bytes() == WAV
    request = scripted.next_request()
    assert (request.description, request.duration, request.seed) == ("warm lo-fi beat", 1, 5)
    code, out, err = run(tmp_path, *words, "-o", "beat.wav")
    assert (code, out) == (2, b"")
    assert "beat.wav is there already" in err


def test_the_format_is_the_suffix_and_json_tells_all_of_it(scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.complete()
    words = ("beat", "--seconds", "1", "--seed", "5", "-o", "beat.mp3", "--json")
    code, out, err = run(tmp_path, *words, MUSICGEN_SERVER=scripted.url)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told.pop("elapsed_s") > 0
    assert told == {
        "files": [{"file": "beat.mp3", "seed": 5}],
        "model": "bundled/musicgen-tiny", "seconds": 1, "sample_rate": 32_000, "channels": 1,
    }  # fmt: skip
    assert scripted.next_request().format == "mp3"
    assert (tmp_path / "beat.mp3").read_bytes().startswith(b"ID3")


def test_standard_output_takes_the_music_alone(scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.complete()
    words = ("beat", "--seconds", "1", "--no-recipe", "--server", scripted.url, "-o", "-")
    assert run(tmp_path, *words) == (0, WAV, "")
    scripted.next_request()
    assert not list(tmp_path.iterdir())
    assert run(tmp_path, *words, "--json")[0] == 2
    assert run(tmp_path, *words, "--takes", "2")[0] == 2


def test_a_terminal_shows_how_far_it_is(scripted: ScriptedService, tmp_path: Path) -> None:
    shown = b""

    def has_shown(text: bytes) -> bool:
        nonlocal shown
        if select.select([terminal], [], [], 0)[0]:
            shown += os.read(terminal, 65_536)
        return text in shown

    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(stderr, (24, 80))
    with os.fdopen(terminal, "rb", 0), os.fdopen(stderr, "rb", 0):
        process = start(tmp_path, "beat", "--seconds", "1", "--server", scripted.url, "-o", "a.wav", stderr=stderr)
        scripted.step(lambda monitor: monitor.download("a/b", 30, 100))
        wait_until(lambda: has_shown(b"downloading a/b         30%"), LONG_S)
        scripted.step(lambda monitor: monitor.progress(40, Phase.GENERATING))
        wait_until(lambda: has_shown(b"generating              40%"), LONG_S)
        scripted.complete()
        assert end(process)[:2] == (0, b"a.wav\n")
    scripted.next_request()


def test_ctrl_c_cancels_the_job(scripted: ScriptedService, tmp_path: Path) -> None:
    process = start(tmp_path, "beat", "--server", scripted.url, "-o", "beat.wav")
    scripted.next_request()
    scripted.step(lambda monitor: monitor.progress(10, Phase.GENERATING))
    process.send_signal(signal.SIGINT)
    assert end(process) == (130, b"", "Cancelled.\n")
    wait_until(lambda: not scripted.gpu_thread.busy, why="the job to be cancelled")
    assert not list(tmp_path.iterdir())


def test_a_failure_is_the_service_s_sentence(scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.fail(OutOfMemory("Not enough memory."))
    words = ("beat", "--seconds", "1", "--server", scripted.url)
    assert run(tmp_path, *words) == (1, b"", "Error: Not enough memory.\n")
    scripted.next_request()
    code, out, _ = run(tmp_path, *words, "--top-p", "2", "--json")
    assert code == 2
    assert json.loads(out)["code"] == "invalid_fields"


def test_busy_has_an_exit_code_of_its_own(scripted: ScriptedService, tmp_path: Path) -> None:
    first = start(tmp_path, "beat", "--seconds", "1", "--server", scripted.url, "-o", "first.wav")
    scripted.next_request()
    code, out, err = run(tmp_path, "beat", "--server", scripted.url, "--wait", "0")
    assert (code, out) == (3, b"")
    assert err.startswith("Error: busy: one piece of music is generated at a time.")
    scripted.complete()
    assert end(first)[0] == 0


def test_a_server_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, _, err = run(tmp_path, "beat", "--server", url)
    assert code == 1
    assert err.startswith(f"Error: No service answers at {url}")


def test_models_are_listed(scripted: ScriptedService, tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--list-models", "--server", scripted.url)
    assert code == 0
    assert out.startswith(b"bundled/musicgen-tiny")
    assert b"MusicGen tiny (demonstration) (default, loaded)" in out


def test_the_music_is_played_when_it_is_there(scripted: ScriptedService, tmp_path: Path) -> None:
    scripted.complete()
    script(tmp_path / "bin/mpv", f'#!/bin/sh\necho "$@" >{tmp_path}/played\n')
    words = ("beat", "--seconds", "1", "--server", scripted.url, "-o", "beat.wav", "--play")
    assert run(tmp_path, *words, PATH=str(tmp_path / "bin")) == (0, b"beat.wav\n", "")
    assert (tmp_path / "played").read_text().endswith(f"{tmp_path}/beat.wav\n")
    scripted.next_request()


def request_in(path: Path) -> dict[str, Any]:
    found = recipe.read(path.read_bytes())
    assert found is not None
    return dict(found.request)


@pytest.mark.timeout(400)
def test_without_a_service_the_music_is_made_in_the_process(tmp_path: Path) -> None:
    """With the bundled model."""
    words = ("calm piano", "--seconds", "2", "--seed", "3", "--takes", "2", "-o", "a.flac", "--local", "--json")
    code, out, err = run(tmp_path, *words)
    assert (code, err) == (0, "")
    assert [file["seed"] for file in json.loads(out)["files"]] == [3, 4]
    for number in (1, 2):
        request = request_in(tmp_path / f"a-{number}.flac")
        assert (request["seed"], request["description"]) == (number + 2, "calm piano")


@pytest.mark.timeout(400)
def test_a_recipe_makes_the_piece_again(server: Server, tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "piano", "--seconds", "1", "-o", "a.flac", "--server", server.url)
    assert (code, err) == (0, "")
    (tmp_path / "recipe.json").write_text(json.dumps(request_in(tmp_path / "a.flac")))
    code, _, err = run(tmp_path, "--recipe", "recipe.json", "-o", "again.flac", "--server", server.url)
    assert (code, err) == (0, "")
    assert (tmp_path / "again.flac").read_bytes() == (tmp_path / "a.flac").read_bytes()


@pytest.mark.timeout(400)
def test_ctrl_c_ends_it_in_the_process_too(tmp_path: Path) -> None:
    process = start(tmp_path, "calm piano", "--seconds", "300", "--local", "-o", "a.wav")
    maps = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: "libtorch" in maps.read_text(), LONG_S, why="the work to begin")
    process.send_signal(signal.SIGINT)
    code, out, err = end(process)
    assert (code, out) == (130, b"")
    assert err.endswith("Cancelled.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(400)
def test_music_is_continued_and_followed_and_made_again_from_its_file_alone(server: Server, tmp_path: Path) -> None:
    common = ("--server", server.url, "-q")
    assert run(tmp_path, "piano", "--seconds", "3", "-o", "a.flac", *common)[0] == 0
    words = ("strings", "--continue-from", "a.flac", "--keep", "2", "--seconds", "4", "-o", "b.flac")
    assert run(tmp_path, *words, *common) == (0, b"b.flac\n", "")
    begin, longer = (soundfile.read(tmp_path / name, dtype="float32")[0] for name in ("a.flac", "b.flac"))
    assert len(longer) == 4 * 32_000
    assert likeness_db(begin[:56_000], longer[:56_000]) > 40  # up to where the codec's joint begins
    assert run(tmp_path, "--recipe", "b.flac", "-o", "again.flac", *common) == (0, b"again.flac\n", "")
    assert (tmp_path / "again.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    code, _, err = run(tmp_path, *words[:-1], "c.flac", "--seconds", "2", *common)
    assert code == 2
    assert "longer than what is kept" in err
    words = ("metal", "--melody", "a.flac", "--seconds", "1", "--server", server.url)
    assert run(tmp_path, *words, "--model", "test/melody", "-o", "m.wav") == (0, b"m.wav\n", "")
    code, _, err = run(tmp_path, *words, "--model", "test/mono", "-o", "n.wav")
    assert code == 2
    assert "melody" in err
