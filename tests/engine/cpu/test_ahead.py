"""The step begins to compile before a model asks for it, where one can come to need it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from musicgen_api.engine.cpu import ahead, forms


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """The forms that were compiled, and the threads that did it."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(ahead, "compile_step", lambda form: found.append((form.name, threading.current_thread().name)))
    yield found


def finish() -> None:
    for thread in threading.enumerate():
        if thread.name == "compile the step":
            thread.join()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_it_compiles_on_a_thread_of_its_own(
    device: str, compiled: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead.torch.cuda, "is_available", lambda: False)
    ahead.compile_ahead("auto", device)
    finish()
    assert compiled == [(forms.runnable()[0].name, "compile the step")]


@pytest.mark.parametrize(("wanted", "device"), [("off", "cpu"), ("auto", "cuda"), ("auto", "cuda:1"), ("auto", "auto")])
def test_nothing_is_compiled_that_no_model_needs(
    wanted: str, device: str, compiled: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead.torch.cuda, "is_available", lambda: True)
    ahead.compile_ahead(wanted, device)
    finish()
    assert compiled == []


def test_a_form_that_the_processor_lacks_is_told_at_the_start(
    compiled: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    lacking = next(form.name for form in forms.FORMS if form not in forms.runnable())
    with caplog.at_level(logging.WARNING):
        ahead.compile_ahead(lacking, "cpu")
    finish()
    assert compiled == []
    assert f"cannot run its form {lacking}" in caplog.text
