"""The form and the links that fill it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import OpenPage, StartService
from tests.helpers.scripted import ScriptedService
from tests.helpers.steps import generate_button, prompt, query, start


def test_the_address_bar_repeats_the_settings_and_the_seed(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    assert query(page) == {}
    prompt(page).fill("piano & 电子音乐 = 100 %")
    page.get_by_label("Duration in seconds", exact=True).fill("5")
    page.wait_for_url("**duration=5**")
    assert query(page) == {"description": "piano & 电子音乐 = 100 %", "duration": "5", "model": "bundled/musicgen-tiny"}
    generate_button(page).click()
    request = service.next_request()
    service.complete()
    page.wait_for_url(f"**seed={request.seed}**")

    again = open_page(page.url)
    expect(prompt(again)).to_have_value("piano & 电子音乐 = 100 %")
    expect(again.get_by_label("Seed")).to_have_value(str(request.seed))
    generate_button(again).click()
    assert service.next_request() == request
    service.complete()
    expect(again.get_by_role("heading", name="Your music")).to_be_visible()


def test_a_changed_form_loses_the_seed_but_the_results_link_keeps_it(
    open_page: OpenPage, service: ScriptedService
) -> None:
    page = open_page(service.url)
    start(page, service, "one")
    service.complete()
    page.wait_for_url("**seed=**")
    seed = query(page)["seed"]
    prompt(page).fill("two")
    page.wait_for_url("**description=two**")
    assert "seed" not in query(page)
    link = page.get_by_role("link", name="Link that makes this again").get_attribute("href")
    assert link is not None
    assert f"seed={seed}" in link
    assert "description=one" in link


def test_a_seed_can_be_used_again(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    service.complete()
    page.get_by_role("button", name="Use this seed again").click()
    seed = page.locator("#seed-used").inner_text()
    expect(page.get_by_label("Seed")).to_have_value(seed)
    prompt(page).fill("other words")
    generate_button(page).click()
    assert str(service.next_request().seed) == seed
    service.complete()


def test_an_older_link_works_and_its_settings_are_sent_no_second_time(
    open_page: OpenPage, service: ScriptedService
) -> None:
    page = open_page(service.url + "?description=calm%20piano&duration=7&model=no/such&unknown=1")
    expect(prompt(page)).to_have_value("calm piano")
    expect(page.get_by_label("Duration in seconds", exact=True)).to_have_value("7")
    expect(page.get_by_text("no model called “no/such”")).to_be_visible()
    assert query(page) == {"description": "calm piano", "duration": "7", "model": "no/such", "unknown": "1"}


def test_another_link_in_the_same_tab_replaces_all_settings(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url + "#description=one&duration=0&temperature=0.5")
    page.evaluate("location.hash = 'description=two&seed=5'")
    expect(prompt(page)).to_have_value("two")
    expect(page.get_by_label("Duration in seconds", exact=True)).to_have_value("30")
    expect(page.get_by_label("Duration in seconds", exact=True)).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Temperature")).to_have_value("1.0")
    expect(page.get_by_label("Seed")).to_have_value("5")


@pytest.mark.parametrize("mark", ["#", "?"])
def test_no_address_or_referer_tells_the_prompt(open_page: OpenPage, service: ScriptedService, mark: str) -> None:
    page = open_page(service.url)
    sent: list[Request] = []
    page.context.on("request", lambda request: sent.append(request))
    page.goto(f"{service.url}{mark}description=secret")
    expect(prompt(page)).to_have_value("secret")
    page.locator("#generate:enabled").wait_for()
    page.reload()
    start(page, service, "secret words")
    service.complete()
    page.wait_for_url("**seed=**")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Link that makes this again").click()
    expect(prompt(opened.value)).to_have_value("secret words")
    sent = [request for request in sent if not request.url.startswith("blob:")]
    told = [request for request in sent if "secret" in urlsplit(request.url)._replace(fragment="").geturl()]
    assert len(told) == (1 if mark == "?" else 0)  # an older link's own request: nobody can take that back
    assert len(sent) > 20
    assert not [request for request in sent if "referer" in request.all_headers()]


def test_a_link_with_nonsense_shows_what_is_wrong(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url + "#description=calm&model=no/such&duration=9999&top_p=much&unknown=1")
    expect(prompt(page)).to_have_value("calm")
    for name in ["model", "duration", "top_p"]:
        expect(page.locator(f"#{name}")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("no model called “no/such”")).to_be_visible()
    expect(page.get_by_label("Top-p")).to_be_visible()


def test_back_to_the_defaults(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url + "#description=calm&temperature=0.5&mbd=true&seed=1&top_k=x")
    page.get_by_role("button", name="Back to the defaults").click()
    expect(page.get_by_label("Temperature")).to_have_value("1.0")
    expect(page.get_by_label("MultiBand Diffusion")).not_to_be_checked()
    expect(page.get_by_label("Top-k")).not_to_have_attribute("aria-invalid", "true")
    assert query(page) == {"description": "calm", "model": "bundled/musicgen-tiny"}


def test_an_example_fills_the_prompt(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.get_by_role("list", name="Examples").get_by_role("button").first.click()
    expect(prompt(page)).to_have_value("calm solo piano, slow")
    expect(prompt(page)).to_be_focused()
    expect(page.get_by_text("21 / 2000")).to_be_visible()


def test_each_line_can_be_a_part(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    choice = page.get_by_label("Each line is a part of its own")
    prompt(page).fill("calm piano")
    expect(choice).to_be_hidden()
    prompt(page).fill("calm piano\n\nloud drums \nstrings")
    page.get_by_label("Duration in seconds", exact=True).fill("20")
    choice.check()
    generate_button(page).click()
    request = service.next_request()
    parts = [(section.description, section.duration) for section in request.sections]
    assert parts == [("calm piano", 6), ("loud drums", 7), ("strings", 7)]
    assert request.live
    service.complete()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download WAV").click()
    again = open_page(page.url)
    expect(again.get_by_label("Each line is a part of its own")).to_be_checked()

    again.reload()
    again.locator("[data-source=file]").set_input_files(started.value.path())
    expect(prompt(again)).to_have_value("calm piano\nloud drums\nstrings")
    expect(again.get_by_label("Each line is a part of its own")).to_be_checked()
    generate_button(again).click()
    assert service.next_request().sections == request.sections
    again.keyboard.press("Escape")


def test_slider_and_number_are_one_duration(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    number, slider = page.get_by_label("Duration in seconds", exact=True), page.get_by_role("slider")
    number.fill("120")
    expect(slider).to_have_value("120")
    slider.press("ArrowRight")
    expect(number).to_have_value("121")


def test_the_shipped_model_is_called_a_demonstration(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    expect(page.get_by_label("Model").locator("option:checked")).to_contain_text("demonstration")
    expect(page.get_by_text("A demonstration model.")).to_be_visible()
    page.get_by_label("Model").select_option("facebook/musicgen-small")
    expect(page.get_by_text("A demonstration model.")).to_be_hidden()
    expect(page.get_by_text("300 M parameters").locator("visible=true")).to_have_count(1)


def test_the_services_limits_are_the_forms(open_page: OpenPage, start_service: StartService) -> None:
    service = start_service(max_duration_s=20, max_prompt_chars=12)
    page = open_page(service.url)
    expect(page.get_by_label("Duration in seconds", exact=True)).to_have_value("20")
    prompt(page).fill("much too long")
    generate_button(page).click()
    expect(page.get_by_text("At most 12 characters; these are 13.")).to_be_visible()
    assert service.synthesizer.requests.empty()
