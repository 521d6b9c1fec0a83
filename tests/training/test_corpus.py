"""The corpus: what makes it learnable is a property of every song, so it is tested as one."""

import numpy as np
import pytest

from training import corpus
from training.corpus import FRAME, STEP_FRAMES, TONICS, Song
from training.instruments import FAMILIES, SAMPLE_RATE, note


def _render(song: Song, seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    return corpus.render(song, seconds, np.random.default_rng(seed))


def test_the_same_seed_renders_the_same_song() -> None:
    song = Song("piano", drums=True, bass=True, tempo="fast", mode="minor")
    assert np.array_equal(_render(song, seed=3), _render(song, seed=3))
    assert not np.array_equal(_render(song, seed=3), _render(song, seed=4))


def test_every_step_is_a_whole_number_of_codec_frames() -> None:
    for tempo, frames in STEP_FRAMES.items():
        song = Song("piano", drums=False, bass=False, tempo=tempo, mode="major")
        assert song.step == frames * FRAME
        assert song.beats_per_minute == pytest.approx(60 / (4 * frames * 0.02))


def test_a_note_recurs_sample_for_sample_at_the_next_bar() -> None:
    song = Song("bells", drums=False, bass=False, tempo="medium", mode="major", melody=False, texture="chords")
    mix = np.arctanh(_render(song, 14.0).astype(np.float64))
    bar = song.bar_frames * FRAME
    verse = 4 * bar  # the verse is played twice: its second half bar recurs, but for what still rings
    assert mix[verse + bar // 2 : verse + bar] == pytest.approx(mix[bar // 2 : bar], abs=0.12)


def test_no_major_key_shares_its_notes_with_a_minor_key() -> None:
    major = {frozenset((tonic + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)) for tonic in TONICS}
    minor = {frozenset((tonic + step) % 12 for step in (0, 2, 3, 5, 7, 8, 10)) for tonic in TONICS}
    assert not major & minor


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_audible_and_never_clips(family: str) -> None:
    for tempo in STEP_FRAMES:
        wave = _render(Song(family, drums=True, bass=True, tempo=tempo, mode="major"))
        assert np.abs(wave).max() < 1.0
        assert 0.05 < np.sqrt(np.mean(wave**2)) < 0.35


def test_families_are_equally_loud() -> None:
    levels = [np.sqrt(np.mean(note(family, 60)[: SAMPLE_RATE // 2] ** 2)) for family in FAMILIES]
    assert max(levels) / min(levels) < 1.01


def test_drums_alone_hold_no_pitched_note() -> None:
    wave = _render(Song(None, drums=True, bass=False, tempo="slow", mode="major", melody=False))
    again = _render(Song(None, drums=True, bass=False, tempo="slow", mode="minor", melody=False))
    assert np.array_equal(wave, again)


def test_draws_cover_every_attribute_and_the_default() -> None:
    rng = np.random.default_rng(0)
    songs = [corpus.draw(rng) for _ in range(600)]
    assert {song.family for song in songs} == {*FAMILIES, None}
    assert {song.tempo for song in songs} == set(STEP_FRAMES)
    assert {(song.drums, song.mode) for song in songs} == {(d, m) for d in (True, False) for m in ("major", "minor")}
    assert sum(song.family == "piano" and song.drums and song.bass and song.tempo == "medium" for song in songs) > 30
