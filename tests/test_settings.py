from __future__ import annotations

import ast
import dataclasses
import os
import re
from pathlib import Path

import pytest

from musicgen_api.settings import ConfigurationError, Settings
from tests.helpers.fakes import ROOT

FIELDS = dataclasses.fields(Settings)
VARIABLES = [field.metadata["variable"] for field in FIELDS]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def documented_defaults() -> dict[str, str]:
    """{variable: default} of the tables in docs/configuration.md: the first two cells of each row."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    return dict(re.findall(r"^\| *`([A-Z_]+)` *\| *(?:`(.*?)`|.*?) *\|", text, re.MULTILINE))


def as_written(default: object) -> str:
    """A default as one would write it in the environment."""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_documentation_lists_every_setting_with_its_default() -> None:
    expected = {field.metadata["variable"]: as_written(field.default) for field in FIELDS}
    assert documented_defaults() == expected


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment() == Settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("field", FIELDS, ids=VARIABLES)
def test_a_default_written_out_in_the_environment_is_read_as_the_default(
    field: dataclasses.Field[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(field.metadata["variable"], as_written(field.default))
    value = getattr(Settings.from_environment(), field.name)
    assert value == field.default
    assert type(value) is type(field.default)


@pytest.mark.parametrize("field", FIELDS, ids=VARIABLES)
def test_every_setting_says_why_it_is_there(field: dataclasses.Field[object]) -> None:
    assert field.metadata["why"].endswith(".")


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("PORT", "5000", "port", 5000),
        ("MUSICGEN_PRELOAD", "false", "preload", False),
        ("MUSICGEN_DEVICE", "cuda:1", "device", "cuda:1"),
        ("MUSICGEN_HEARTBEAT_S", "0.5", "heartbeat_s", 0.5),
        ("MUSICGEN_MAX_DURATION_S", "60", "max_duration_s", 60),
    ],
)
def test_the_environment_overrides_a_default(
    variable: str, text: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    assert Settings.from_environment() == dataclasses.replace(Settings(), **{name: value})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("HOST", "0.0.0.0:8000"),
        ("HOST", "http://localhost"),
        ("HOST", "two words"),
        ("HOST", "1::2::3"),
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("MUSICGEN_HTTP_THREADS", "1"),
        ("MUSICGEN_DEFAULT_MODEL", "../secrets"),
        ("MUSICGEN_DEFAULT_MODEL", "/etc/passwd"),
        ("MUSICGEN_MODELS", "no-equals-sign"),
        ("MUSICGEN_TRANSLATE", "yes"),
        ("MUSICGEN_TRANSLATORS", "french=someone/opus-mt-fr-en"),
        ("MUSICGEN_TRANSLATORS", "fr=/no/such/folder"),
        ("MUSICGEN_MODELS", "mine="),
        ("MUSICGEN_MODELS", "../up=folder"),
        ("MUSICGEN_MODELS", "mïne=someone/musicgen"),
        ("MUSICGEN_MODELS", "mine=/no/such/folder"),
        ("MUSICGEN_MODELS", "mine=~/no/such/folder"),
        ("MUSICGEN_DEFAULT_MODEL", "größe"),
        ("MUSICGEN_MAX_MODELS", "0"),
        ("MUSICGEN_MODEL_IDLE_S", "-1"),
        ("MUSICGEN_MODEL_IDLE_S", "nan"),
        ("MUSICGEN_MODEL_IDLE_S", "inf"),
        ("MUSICGEN_PRELOAD", "perhaps"),
        ("MUSICGEN_DEVICE", "gpu"),
        ("MUSICGEN_DEVICE", "cuda:"),
        ("MUSICGEN_THREADS", "-1"),
        ("MUSICGEN_MBD", "/no/such/file.th"),
        ("MUSICGEN_MBD", "no hub id"),
        ("MUSICGEN_MAX_DURATION_S", "0"),
        ("MUSICGEN_MAX_PROMPT_CHARS", "0"),
        ("MUSICGEN_MAX_BODY_BYTES", "10"),
        ("MUSICGEN_HEARTBEAT_S", "0"),
        ("MUSICGEN_HEARTBEAT_S", "nan"),
        ("MUSICGEN_GRACE_S", "-1"),
        ("MUSICGEN_PROXY_HOPS", "1.5"),
        ("MUSICGEN_HOSTS", "music.example.org:8000"),
        ("MUSICGEN_HOSTS", "http://music.example.org"),
        ("MUSICGEN_HOSTS", "music.example.org,*"),
        ("MUSICGEN_HOSTS", "müsik.example"),
        ("MUSICGEN_API_KEYS_FILE", "/no/such/file"),
        ("MUSICGEN_CORS_ORIGINS", "music.example.org"),
        ("MUSICGEN_CORS_ORIGINS", "https://music.example.org/page"),
        ("MUSICGEN_CORS_ORIGINS", "null"),
        ("MUSICGEN_CORS_ORIGINS", "https://*.example.org"),
        ("MUSICGEN_PEERS", "127.0.0.1"),
        ("MUSICGEN_PEERS", "app:0"),
        ("MUSICGEN_PEERS", "http://app:8000"),
        ("MUSICGEN_QUEUE", "257"),
        ("MUSICGEN_LOG_FORMAT", "xml"),
        ("MUSICGEN_LOG_LEVEL", "LOUD"),
    ],
)
def test_an_invalid_value_is_refused_by_name(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError, match=rf"^{variable} cannot be used: .+") as caught:
        Settings.from_environment()
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("field", FIELDS, ids=VARIABLES)
@pytest.mark.parametrize("nothing", ["", "  ", '""', "''", "\r", '" "'])
def test_an_empty_variable_is_one_that_is_not_set(
    nothing: str, field: dataclasses.Field[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(field.metadata["variable"], nothing)
    assert Settings.from_environment() == Settings()


@pytest.mark.parametrize("field", FIELDS, ids=VARIABLES)
@pytest.mark.parametrize("wrapped", [" {} ", '"{}"', "'{}'", "{}\r\n", "\t' {} ' "])
def test_what_env_files_put_around_a_value_does_not_count(
    wrapped: str, field: dataclasses.Field[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(field.metadata["variable"], wrapped.format(as_written(field.default)))
    assert Settings.from_environment() == Settings()


def test_an_ipv6_address_may_stand_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "[::1]")
    assert Settings.from_environment().host == "::1"


def test_folders_and_files_of_the_home_may_be_written_with_a_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "mbd.th").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MUSICGEN_MODELS", "mine=~/models")
    monkeypatch.setenv("MUSICGEN_MBD", "~/mbd.th")
    settings = Settings.from_environment()
    assert settings.added_models == {"mine": str(tmp_path / "models")}
    assert settings.diffusion == str(tmp_path / "mbd.th")


def test_added_models_are_ids_and_their_sources() -> None:
    settings = Settings(models=" mine = /models/mine , our/big-one=someone/musicgen=big,")
    assert settings.added_models == {"mine": "/models/mine", "our/big-one": "someone/musicgen=big"}


def test_known_hosts_are_names_and_addresses_in_one_form() -> None:
    settings = Settings(hosts=" Music.Example.org., studio ,[::1], 10.0.0.7,")
    assert settings.known_hosts == {"music.example.org", "studio", "::1", "10.0.0.7"}
    assert Settings().known_hosts == frozenset()


def reads_environment(node: ast.AST) -> bool:
    """Is it `os.environ`, `os.getenv`, or an import of them?"""
    match node:
        case ast.Attribute(attr="environ" | "environb" | "getenv", value=ast.Name(id="os")):
            return True
        case ast.ImportFrom(module="os"):
            return any(name.name in ("environ", "environb", "getenv") for name in node.names)
    return False


def test_the_settings_module_reads_the_environment_and_one_other_settles_it_for_libraries() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "musicgen_api").rglob("*.py")
        if any(map(reads_environment, ast.walk(ast.parse(path.read_text()))))
    }
    assert readers == {"musicgen_api/settings.py", "musicgen_api/environment.py"}
    text = (ROOT / "musicgen_api" / "environment.py").read_text()
    assert not any(re.search(rf"\b{variable}\b", text) for variable in VARIABLES)


def test_reading_the_settings_does_not_change_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_LOG_LEVEL", "DEBUG")
    before = dict(os.environ)
    Settings.from_environment()
    assert dict(os.environ) == before
