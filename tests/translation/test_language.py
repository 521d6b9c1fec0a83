"""Which language a description is in: tables of what people write."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import pytest

from musicgen_api.translation import language
from musicgen_api.translation.language import UNKNOWN, languages_of
from musicgen_api.translation.words import ENGLISH, MUSIC, OF_LANGUAGE, SHARED

FOREIGN = {
    "fr": [
        "musique électronique avec une batterie forte",
        "piano triste et lent",
        "berceuse",
        "techno sombre et rapide",
        "jazz calme pour un café",
        "une valse joyeuse à l'accordéon",
        "Musique De Film Épique",
    ],
    "zh": ["电子音乐，带有强烈的鼓点", "钢琴", "lo-fi 钢琴", "电子 techno 128 bpm", "悲傷的小提琴"],
    "ja": ["悲しいピアノ", "ジャズ", "電子音楽、強いドラム", "ﾋﾟｱﾉ", "ローファイ ヒップホップ"],
    "ko": ["슬픈 피아노", "잔잔한 재즈 piano"],
    "de": ["ruhiges Klavier", "fröhliche Gitarre", "harter Techno mit starkem Bass", "Schlagzeug", "düsterer Ambient"],
    "es": ["guitarra española lenta", "canción de cuna", "rock alegre con guitarras", "flamenco rápido"],
    "pt": ["música eletrônica", "violão calmo", "música para dormir", "samba alegre com cavaquinho"],
    "it": ["musica allegra", "chitarra classica lenta", "colonna sonora epica"],
    "nl": ["vrolijke muziek", "langzame droevige gitaar", "feestmuziek"],
    "sv": ["rolig musik", "snabb techno med hårda trummor"],
    "pl": ["smutne pianino", "wesoła muzyka", "spokojna gitara akustyczna"],
    "tr": ["hızlı davul", "hüzünlü piyano"],
    "fi": ["surullinen piano", "iloinen musiikki"],
    "vi": ["nhạc buồn", "piano nhẹ nhàng"],
    "ru": ["грустное пианино", "быстрый техно с сильными барабанами", "джаз", "весёлая музыка"],
    "uk": ["сумне піаніно і скрипка"],
    "ar": ["موسيقى هادئة مع العود"],
    "el": ["λυπημένο πιάνο"],
    "hi": ["उदास पियानो"],
    "he": ["פסנתר עצוב"],
    "th": ["เปียโนเศร้า"],
    UNKNOWN: ["சோகமான பியானோ", "სევდიანი ფორტეპიანო"],
}

ENGLISH_TEXTS = [
    "slow sad piano",
    "upbeat techno with strong drums",
    "orchestral cinematic score with an emotional build-up",
    "lofi slow bpm electro chill with organic samples",
    "violins and synths that inspire awe at the finiteness of life and the universe",
    "earthy tones, environmentally conscious, ukulele-infused, harmonic, breezy, easygoing, gentle grooves",
    "An 80s driving pop song with heavy drums and synth pads in the background",
    "rainforest soundscape",
    "don't stop, it's a party",
    "A CALM PIANO PIECE",
    "calm",
]

FOREIGN_NAMES_IN_ENGLISH = [
    "a waltz in the style of Chopin, Paris café",
    "chanson française with accordion",
    "Stille Nacht played by a brass band",
    "music like Чайковский",
    "in the style of 久石譲",
    "La Vie en rose cover on accordion",
    "Carnival in Rio de Janeiro, samba drums",
    "A calm piano piece, très doux",
    "Antonín Dvořák",
    "Hans Zimmer, Ludwig Göransson, Ramin Djawadi",
    "Ennio Morricone spaghetti western",
    "Für Elise on piano",
    "Rammstein industrial metal",
    "Björk",
]

NO_LANGUAGE = [
    *("techno", "lo-fi", "piano", "trap", "jazz", "808", "dubstep", "bossa nova", "reggaeton", "drum n bass"),
    *("trap 808 jazz", "lo-fi piano, 90 bpm", "hip-hop, r&b", "Vivaldi allegro con brio", "adagio ma non troppo"),
    *("🎸🔥", "120", "...", "", " ", "♪", "C# / Am7 @ 174", "taiko, shakuhachi & koto", "mariachi, cumbia", "zzxq"),
]


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in FOREIGN.items() for text in texts])
def test_what_is_not_english_is_told(code: str, text: str) -> None:
    found = languages_of(text)
    assert code in found
    assert "en" not in found


@pytest.mark.parametrize("text", [*ENGLISH_TEXTS, *FOREIGN_NAMES_IN_ENGLISH, *NO_LANGUAGE])
def test_english_with_foreign_names_and_music_s_own_words_is_left_alone(text: str) -> None:
    assert languages_of(text) <= {"en"}


@pytest.mark.parametrize("text", ["guitarra alegre", "música alegre"])
def test_a_text_that_two_languages_write_alike_is_both(text: str) -> None:
    assert languages_of(text) >= {"es", "pt"}


def test_short_english_texts_do_not_load_the_library() -> None:
    code = (
        "import sys; from musicgen_api.translation.language import languages_of\n"
        f"assert all(languages_of(text) <= {{'en'}} for text in {[*ENGLISH_TEXTS[:4], *NO_LANGUAGE]!r})\n"
        "assert 'py3langid' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_a_temporary_folder_words_and_scripts_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    language._library.cache_clear()
    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    try:
        assert languages_of("musique douce") == {"fr"}
        assert languages_of("грустное пианино") == {"ru"}
        assert languages_of("zxq qwv bnm asdf") == frozenset()
    finally:
        language._library.cache_clear()


def test_a_word_has_one_place() -> None:
    assert MUSIC < SHARED
    assert not SHARED & ENGLISH
    assert not (SHARED | ENGLISH) & OF_LANGUAGE.keys()
    assert all(word == word.lower() for word in SHARED | ENGLISH | OF_LANGUAGE.keys())
