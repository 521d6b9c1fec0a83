"""By keyboard, on a phone, in light and dark, spoken, without JavaScript, and under a strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from musicgen_api.domain.errors import ModelOffline
from musicgen_api.domain.request import Phase
from tests.browser.conftest import Console, OpenPage, Screenshot, StartService
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until
from tests.helpers.steps import figure, generate_button, generating, prompt, start

PHONE = {"width": 360, "height": 740}


def test_it_works_by_keyboard_alone(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.keyboard.press("Tab")
    expect(prompt(page)).to_be_focused()
    page.keyboard.type("calm piano")
    page.keyboard.press("Control+Enter")
    service.next_request()
    page.keyboard.press("Escape")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    expect(prompt(page)).to_be_focused()
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
    page.keyboard.press("Control+Enter")
    service.next_request()
    page.get_by_role("button", name="Cancel").focus()
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#player")).to_be_focused()


def test_every_control_shows_where_the_focus_is(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.get_by_text("Advanced").click()
    seen = []
    page.locator("body").click(position={"x": 1, "y": 1})
    while True:
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const { id, textContent } = document.activeElement;
              return [id || textContent.trim(), parseFloat(getComputedStyle(document.activeElement).outlineWidth)];
            }"""
        )
        if document_is_left(page):
            break
        assert outline >= 2, name
        seen.append(name)
    assert len(seen) == len(set(seen))
    for name in ["description", "model", "duration-slider", "duration", "top_k", "seed", "mbd", "generate"]:
        assert name in seen


def document_is_left(page: Page) -> bool:
    left: bool = page.evaluate("document.activeElement === document.body")
    return left


def test_a_composing_keyboard_keeps_its_keys(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    press = """() => document.activeElement.dispatchEvent(
      new KeyboardEvent("keydown", { key: "Escape", isComposing: true, bubbles: true, cancelable: true }))"""
    page.evaluate(press)
    service.step(generating(50))
    expect(figure(page)).to_have_text("50 %")
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_phone_needs_no_sideways_scrolling(
    open_page: OpenPage, service: ScriptedService, screenshot: Screenshot, scheme: str
) -> None:
    page = open_page(service.url, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    page.get_by_text("Advanced").click()
    page.get_by_text("The same from a program").click()
    assert page.evaluate(width) <= PHONE["width"]
    page.get_by_text("Advanced").click()
    start(page, service, "word" * 100)
    service.step(generating(50))
    expect(page.get_by_role("button", name="Cancel")).to_be_in_viewport()
    assert page.evaluate(width) <= PHONE["width"]
    screenshot(page, f"phone-running-{scheme}")
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_in_viewport()
    assert page.evaluate(width) <= PHONE["width"]
    screenshot(page, f"phone-done-{scheme}")


LOW_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    const [r, g, b, alpha = 1] = numbers(getComputedStyle(element).backgroundColor);
    return alpha > 0 || !element.parentElement ? [r, g, b] : ground(element.parentElement);
  };
  const ratio = (element) => {
    const pair = [numbers(getComputedStyle(element).color), ground(element)].map(luminance).sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  const speaks = (element) => element.matches("input[type=number], textarea, select") ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const seen = [...document.body.querySelectorAll("*")].filter((element) =>
    element.checkVisibility() && speaks(element) && !element.closest("[aria-disabled=true], option"));
  const low = seen.filter((element) => ratio(element) < 4.5);
  return [seen.length, low.map((element) => [element.outerHTML, ratio(element)])];
}"""
"""How many elements with words there are, and those below the ratio of WCAG 2.2, 1.4.3."""


def check_contrast(page: Page) -> None:
    count, low = page.evaluate(LOW_CONTRAST)
    assert count > 30
    assert low == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_stand_out_from_their_ground(
    open_page: OpenPage, service: ScriptedService, screenshot: Screenshot, scheme: str
) -> None:
    page = open_page(service.url + "?duration=0&top_p=3", color_scheme=scheme)
    generate_button(page).click()
    expect(page.locator(".error:visible")).to_have_count(3)
    check_contrast(page)
    screenshot(page, f"invalid-advanced-{scheme}")
    page.get_by_label("Duration in seconds", exact=True).fill("12")
    page.get_by_role("button", name="Back to the defaults").click()
    start(page, service)
    service.step(generating(64))
    expect(figure(page)).to_have_text("64 %")
    check_contrast(page)
    screenshot(page, f"running-advanced-{scheme}")
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    page.get_by_text("The same from a program").click()
    check_contrast(page)
    screenshot(page, f"done-{scheme}")
    start(page, service)
    service.fail(ModelOffline("The hub cannot be reached."))
    expect(page.get_by_role("alert")).to_be_visible()
    check_contrast(page)
    screenshot(page, f"failed-{scheme}")


def test_dark_and_light_differ(open_page: OpenPage, service: ScriptedService) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert open_page(service.url, color_scheme="dark").evaluate(ground) != open_page(service.url).evaluate(ground)


def test_nothing_moves_for_those_who_asked_for_that(open_page: OpenPage, service: ScriptedService) -> None:
    still, moving = open_page(service.url, reduced_motion="reduce"), open_page(service.url)
    count = "document.getAnimations({ subtree: true }).length"
    start(still, service)
    assert still.evaluate(count) == 0
    still.keyboard.press("Escape")
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
    start(moving, service)
    wait_until(lambda: moving.evaluate(count) > 0, why="an animation")
    moving.keyboard.press("Escape")


def test_progress_is_spoken_now_and_then_not_always(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.evaluate(
        """() => {
          window.spoken = [];
          const announcer = document.getElementById("announcer");
          new MutationObserver(() => window.spoken.push(announcer.textContent))
            .observe(announcer, { childList: true });
        }"""
    )
    start(page, service)
    service.step(generating(1))
    expect(figure(page)).to_have_text("1 %")
    for percent in range(2, 60):
        service.step(generating(percent))
    service.step(generating(97, Phase.DECODING))
    expect(figure(page)).to_have_text("97 %")
    service.complete()
    expect(page.get_by_text("Your music is ready.")).to_be_attached()
    spoken = page.evaluate("window.spoken")
    assert len(spoken) <= 6
    assert any("Composing" in text for text in spoken)
    assert spoken[-1] == "Your music is ready."


def test_it_works_under_a_path_prefix(open_page: OpenPage, start_service: StartService) -> None:
    service = start_service(prefix="/studio")
    page = open_page(service.url)
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    page.wait_for_url("**/studio/#**seed=**")
    assert "/studio/api/models" in (page.get_by_role("link", name="Models").get_attribute("href") or "")


def test_without_javascript_it_says_how_else_to_ask(chromium: Browser, service: ScriptedService) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(service.url)
        expect(page.locator("noscript p")).to_be_visible()
        expect(page.locator("noscript p")).to_contain_text("needs JavaScript")
        expect(page.locator("noscript pre")).to_contain_text(f"curl {service.url}generate")
        expect(generate_button(page)).to_be_disabled()


def test_the_policy_stops_a_foreign_script_and_the_tests_would_notice(
    open_page: OpenPage, service: ScriptedService, console: Console
) -> None:
    console.expect("Content-Security-Policy: script-src-elem inline")
    console.expect("Executing inline script violates")
    page = open_page(service.url)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.injected = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.injected") is None


def test_words_of_a_link_are_never_markup(open_page: OpenPage, service: ScriptedService) -> None:
    markup = "<img src=x onerror=alert(1)><b>bold</b>"
    page = open_page(service.url)
    start(page, service, markup)
    service.complete()
    expect(page.locator("#result-prompt")).to_have_text(markup)
    assert page.locator("#result-prompt *").count() == 0


def test_a_page_whose_name_is_made_to_resolve_to_this_machine_reads_nothing(
    chromium: Browser, start_service: StartService
) -> None:
    for hosts, status in [("", 421), ("rebound.example", 200)]:
        address = start_service(hosts=hosts).url.replace("127.0.0.1", "rebound.example")
        with chromium.new_context() as context:
            answer = context.new_page().goto(address)
            assert answer is not None
            assert answer.status == status


def test_nothing_is_asked_of_other_hosts(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    assert len(asked) > 10
    assert all(url.startswith((service.url, f"blob:{service.url}")) for url in asked), asked
