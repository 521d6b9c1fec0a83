"""English, French and Chinese: by the browser's language, and by choice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Screenshot
from tests.helpers.fakes import ROOT
from tests.helpers.scripted import ScriptedService
from tests.helpers.steps import generating

STATIC = ROOT / "musicgen_api" / "static"
SAME_EVERYWHERE = re.compile(
    r"MusicGen|AudioGen|(Audio )?MAGNeT|piano$|"
    r"(WAV|FLAC|MP3|Opus|AAC|Mono\.|Top-k|Top-p|MultiBand Diffusion|Version [\d.]+|\d+ kHz, mono)$"
)

WORDS = """() => {
  const words = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.data.trim() && !node.parentElement.closest("noscript, code, pre, kbd, #language")) {
      words.push(node.data.trim().replace(/\\s+/g, " "));
    }
  }
  for (const element of document.body.querySelectorAll("[aria-label], [placeholder]")) {
    words.push(element.getAttribute("aria-label") ?? element.getAttribute("placeholder"));
  }
  return words;
}"""
"""All words of the page, shown or not."""


@pytest.mark.parametrize(
    ("locale", "lang", "button", "label"),
    [
        ("en-GB", "en", "Generate", "What should it sound like?"),
        ("fr-CA", "fr", "Créer", "Quelle musique voulez-vous ?"),
        ("zh-CN", "zh-Hans", "生成", "想要什么样的音乐？"),
        ("de-DE", "en", "Generate", "What should it sound like?"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    open_page: OpenPage,
    service: ScriptedService,
    screenshot: Screenshot,
    locale: str,
    lang: str,
    button: str,
    label: str,
) -> None:
    page = open_page(service.url, locale=locale)
    expect(page.locator("html")).to_have_attribute("lang", lang)
    page.get_by_label(label).fill("piano")
    page.get_by_role("button", name=button, exact=True).click()
    service.next_request()
    service.step(generating(42))
    expect(page.locator("#figure")).to_have_text(re.compile("42"))
    service.complete()
    expect(page.locator("#result")).to_be_visible()
    page.locator("#history li").wait_for()
    screenshot(page, f"done-{lang}-{locale}")


@pytest.mark.parametrize("locale", ["fr-FR", "zh-CN"])
def test_no_english_is_left(open_page: OpenPage, service: ScriptedService, locale: str) -> None:
    def seen(page: Page) -> set[str]:
        page.locator("#description").fill("piano")
        page.locator("#takes").fill("2")
        page.locator("#generate").click()
        service.next_request()
        service.step(generating(42))
        expect(page.locator("#figure")).to_have_text(re.compile("42"))
        words = set(page.evaluate(WORDS))
        service.complete()
        page.locator("#history li").wait_for()
        page.locator("#duration").fill("0")
        page.locator("#generate").click()
        expect(page.locator("#duration-error")).to_be_visible()
        return words | set(page.evaluate(WORDS))

    english, other = seen(open_page(service.url)), seen(open_page(service.url, locale=locale))
    left = {word for word in english & other if re.search("[a-z]{2}", word)}
    assert {word for word in left if not SAME_EVERYWHERE.match(word)} == set()


def test_a_chosen_language_stays(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.locator("#generate").click()
    expect(page.get_by_text("Describe the music in a few words.")).to_be_visible()
    page.get_by_label("Language").select_option("fr")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_text("Décrivez la musique en quelques mots.")).to_be_visible()
    expect(page.get_by_role("button", name="Créer", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Créer", exact=True)).to_be_visible()
    page.get_by_label("Langue").select_option("en")
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    expect(page.get_by_text("1 to 300. More than 30")).to_be_visible()


def test_what_counts_has_the_languages_own_forms(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    say = """async ([language, counts]) => {
      const { speak, t } = await import("/static/i18n.js");
      speak(language);
      return counts.map((count) => t("{count} takes", { count }));
    }"""
    assert page.evaluate(say, ["en", [1, 2]]) == ["1 take", "2 takes"]
    assert page.evaluate(say, ["fr", [0, 1, 2]]) == ["0 prise", "1 prise", "2 prises"]
    assert page.evaluate(say, ["zh", [1, 2]]) == ["1 个版本", "2 个版本"]
    number = "async () => (await import('/static/i18n.js')).t('{value} s', { value: 1234.5 })"
    assert page.evaluate(number) == "1,234.5 秒"


def test_both_translations_have_every_sentence_of_the_modules() -> None:
    tables = {name: keys_of(STATIC / f"strings-{name}.js") for name in ("fr", "zh")}
    assert len(tables["fr"]) > 100
    units = {"B", "kB", "MB", "GB", "TB"}
    assert tables["fr"] - units == tables["zh"] - units
    for module in STATIC.glob("*.js"):
        if not module.name.startswith("strings-"):
            missing = sentences_of(module) - tables["fr"] - {"{value}", "MultiBand Diffusion"}
            assert missing == set(), module.name


STRING = r'"((?:[^"\\\n]|\\.)*)"'


def keys_of(module: Path) -> set[str]:
    return {quoted or bare for quoted, bare in re.findall(rf"^  (?:{STRING}|(\w+)):", module.read_text(), re.MULTILINE)}


def sentences_of(module: Path) -> set[str]:
    """What a module says: what `t` is given, and every string that ends like a sentence."""
    code = module.read_text()
    return set(re.findall(rf"\bt\(\s*{STRING}", code)) | {
        text for text in re.findall(STRING, code) if re.match(r"[A-Z].* .*[.?]$", text) and "neither a" not in text
    }
