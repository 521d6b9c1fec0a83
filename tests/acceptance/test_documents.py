"""Both documents' sample clients run as they are printed, and so does our own.

The code is taken out of the documents themselves (`tests/documents`). Rewritten are only the address, the model id,
since these weights are not at hand, and the duration, for speed.
"""

from __future__ import annotations

import io
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.helpers.server import ROOT, Server, read_events

DOCUMENTS = Path(__file__).parents[1] / "documents"
DURATION_S = 3
LONG_S = 60


def section_of_generate_document(heading: str) -> str:
    """The lines between `heading` and the next rule of the French document, which marks headings with rules."""
    text = (DOCUMENTS / "generate-api.fr.md").read_text()
    match = re.search(rf"^=+\n{heading}\n=+\n(.*?)^-{{10,}}$", text, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[1]


def blocks_of_music_document(language: str) -> list[str]:
    """The fenced blocks of the Chinese document in `language`."""
    text = (DOCUMENTS / "music-api.zh.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def adapt(code: str, server: Server) -> str:
    """Rewrite what the service under test cannot have as printed: address, model, duration."""
    code, addresses = re.subn(r"http://localhost:(5000|8000)", server.url, code)
    code, durations = re.subn(r'(duration\\?": )30\b', rf"\g<1>{DURATION_S}", code)
    assert addresses and durations == 1, code
    return code.replace("facebook/musicgen-medium", "test/mono")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def assert_is_music(wav: bytes) -> None:
    with soundfile.SoundFile(io.BytesIO(wav)) as sound:
        assert (sound.format, sound.subtype) == ("WAV", "PCM_16")
        assert (sound.samplerate, sound.channels, len(sound)) == (32_000, 1, 32_000 * DURATION_S)
        assert sound.read().std() > 1e-3


def test_the_generate_document_s_python_client_saves_a_wav(server: Server, tmp_path: Path) -> None:
    run([sys.executable, "-c", adapt(section_of_generate_document("Python"), server)], tmp_path)
    assert_is_music((tmp_path / "music.wav").read_bytes())


def test_the_generate_document_s_curl_command_saves_a_wav(server: Server, tmp_path: Path) -> None:
    command = adapt(section_of_generate_document("curl"), server)
    carets = re.compile(r" \^$", re.MULTILINE)  # Windows continues a line with them, other shells with backslashes
    assert carets.search(command)
    run(["bash", "-c", carets.sub(r" \\", command)], tmp_path)
    assert_is_music((tmp_path / "music.wav").read_bytes())


def test_the_music_document_s_python_client_shows_progress_and_gets_a_wav(server: Server, tmp_path: Path) -> None:
    (code,) = blocks_of_music_document("python")
    saves = "            import base64; open('music.wav', 'wb').write(base64.b64decode(audio_data))\n"
    code = re.sub(r"^ +\.\.\.\n", saves, adapt(code, server), flags=re.MULTILINE)
    assert saves in code
    health, *progress = run([sys.executable, "-c", code], tmp_path).stdout.splitlines()
    assert health == "{'status': 'healthy'}"
    percents = [float(re.fullmatch(r"生成进度: (.+)%", line)[1]) for line in progress]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert_is_music((tmp_path / "music.wav").read_bytes())


def test_the_music_document_s_curl_commands_show_health_and_the_events(server: Server, tmp_path: Path) -> None:
    (commands,) = blocks_of_music_document("bash")
    health, _, stream = run(["bash", "-ec", adapt(commands, server)], tmp_path).stdout.partition("\n")
    assert json.loads(health) == {"status": "healthy"}
    events = list(read_events(stream.encode().splitlines()))
    assert events[0]["status"] == "started"
    assert {event["status"] for event in events[1:-1]} == {"generating"}
    assert events[-1]["status"] == "completed"


def test_the_page_that_the_generate_document_opens_in_a_browser_is_html(server: Server) -> None:
    page = server.get("/")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.timeout(400)
def test_our_own_client_saves_a_long_piece_without_working_for_it(server: Server, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "02-api.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    code, addresses = re.subn(r"http://127\.0\.0\.1:8000", server.url, code)
    code, durations = re.subn(r'"duration": 10\b', f'"duration": {LONG_S}', code)
    assert addresses == durations == 1, code
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = run([sys.executable, "-c", code], tmp_path).stdout.split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert float(printed[-1]) == 100
    assert len(set(printed)) > 10  # it came bit by bit
    assert soundfile.info(tmp_path / "music.wav").frames == 32_000 * LONG_S
    # Seconds of its processor, not of the clock: less than one, or 22 with lines put together from 512 bytes.
    assert after.ru_utime - before.ru_utime < 8
