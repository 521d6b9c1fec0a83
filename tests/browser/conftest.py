"""A headless Chromium, pages that hold every test to an empty console, and the scripted service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.helpers import programs
from tests.helpers.scripted import ScriptedService

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
FLAGS = [
    "--no-sandbox",  # it needs privileges that containers lack; all pages are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
    "--use-fake-device-for-media-stream",  # a microphone that beeps each second
    "--use-fake-ui-for-media-stream",  # and a user who lets every page record
]
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""

OpenPage = Callable[..., Page]
StartService = Callable[..., ScriptedService]
Screenshot = Callable[[Page, str], None]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this package."""
    executable = programs.chromium()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable, args=FLAGS) as browser:
        yield browser


class Console:
    """What a test's pages complained about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """Let complaints that match `pattern` pass, and demand that there is one."""
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        """Collect what `page` complains about from now on."""
        page.add_init_script(WATCH_POLICY)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("console", self._note)

    def _note(self, message: Any) -> None:
        complaint = f"{message.text} ({message.location['url']})"
        # The tab's icon is loaded when the browser likes, so also while a test takes its service away.
        late_icon = re.search(r"net::ERR_.*favicon\.svg", complaint)
        if message.type in ("error", "warning") and not late_icon:
            self.complaints.append(complaint)

    def check(self) -> None:
        """Fail if there was a complaint that nobody expected, or an expected one did not come."""
        unexpected = [text for text in self.complaints if not any(re.search(p, text) for p in self._expected)]
        assert not unexpected
        for pattern in self._expected:
            assert any(re.search(pattern, text) for text in self.complaints), f"no complaint like {pattern!r}"


@pytest.fixture
def console() -> Iterator[Console]:
    """Hold the test to a silent console."""
    console = Console()
    yield console
    console.check()


@pytest.fixture
def start_service() -> Iterator[StartService]:
    """Start the service with a synthesizer that follows the test's script; keywords are `ScriptedService`'s."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(ScriptedService(**options))


@pytest.fixture
def service(start_service: StartService) -> ScriptedService:
    """The service as it is by default."""
    return start_service()


@pytest.fixture
def open_page(chromium: Browser, console: Console, start_service: StartService) -> Iterator[OpenPage]:
    """Open a URL in a fresh profile; keywords are playwright's, such as `color_scheme` and `viewport`.

    The pages close before the services do, which is why this asks for `start_service`.
    """
    contexts = []

    def open_page(url: str, **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        console.watch(page)
        page.goto(url)
        page.locator("#generate:enabled").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def screenshot() -> Screenshot:
    """Save a picture of a page for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)

    def save(page: Page, name: str) -> None:
        picture = page.screenshot(full_page=True, animations="disabled")
        (ARTIFACTS / f"page-{name}.png").write_bytes(picture)

    return save
