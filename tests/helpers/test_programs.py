import pytest

from tests.helpers import programs


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(programs, "_SEARCH_PATH", "/nonexistent")


def test_a_missing_browser_skips_its_tests_on_a_users_machine(nothing_installed, monkeypatch):
    monkeypatch.delenv("MUSICGEN_TEST_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="chromium is not installed"):
        programs.chromium()


def test_a_missing_web_server_fails_its_tests_in_ci(nothing_installed, monkeypatch):
    monkeypatch.setenv("MUSICGEN_TEST_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="nginx-light"):
        programs.nginx()
