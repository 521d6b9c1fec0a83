"""What tests do with the page again and again."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page

from musicgen_api.domain.request import Monitor, Phase
from tests.helpers.scripted import ScriptedService


def prompt(page: Page) -> Locator:
    return page.get_by_label("What should it sound like?")


def generate_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Generate")


def figure(page: Page) -> Locator:
    """The large number: a percentage, or the seconds of a countdown."""
    return page.locator("#figure")


def start(page: Page, service: ScriptedService, text: str = "calm solo piano, slow") -> None:
    """Generate, and wait until the service is at it."""
    prompt(page).fill(text)
    generate_button(page).click()
    service.next_request()


def query(page: Page) -> dict[str, str]:
    """The settings in the address bar."""
    address = urlsplit(page.url)
    assert address.query == ""
    return {name: values[-1] for name, values in parse_qs(address.fragment).items()}


def generating(percent: float, phase: Phase = Phase.GENERATING) -> Callable[[Monitor], None]:
    """A step of the script: this far."""
    return lambda monitor: monitor.progress(percent, phase)
