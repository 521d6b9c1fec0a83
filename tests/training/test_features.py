"""The listener and the checks of evaluation: they must tell good from bad, or their numbers mean nothing."""

import struct

import numpy as np
import pytest

from training import captions, corpus, evaluate, features, pictures
from training.instruments import SAMPLE_RATE


@pytest.fixture(scope="module")
def listener() -> features.Listener:
    return features.Listener(*evaluate.corpus_clips(1, 160, 6.0))


def test_the_listener_knows_songs_that_it_never_heard(listener: features.Listener) -> None:
    accuracy = listener.accuracy(*evaluate.corpus_clips(2, 60, 6.0))
    assert min(accuracy.values()) > 0.9


def test_the_listener_is_at_a_loss_when_labels_belong_to_other_clips(listener: features.Listener) -> None:
    songs, waves = evaluate.corpus_clips(3, 60, 6.0)
    accuracy = listener.accuracy(songs, waves[1:] + waves[:1])
    assert accuracy["family"] < 0.5
    assert accuracy["tempo"] < 0.6


@pytest.mark.parametrize("language", captions.LANGUAGES)
def test_requests_cover_every_combination_once(language: str) -> None:
    songs = evaluate.requests()
    assert len({captions.plain_request(song, language) for song in songs}) == 48


def test_silence_noise_and_clicks_are_counted() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 440 * h * time) / h for h in range(1, 30))
    wave = (0.1 * tone).astype(np.float32)
    clean = evaluate.steadiness(wave)
    assert (clean["silent_s"], clean["clicks"], clean["noisy_s"]) == (0, 0, 0)
    wave[SAMPLE_RATE : 2 * SAMPLE_RATE] = 0
    wave[2 * SAMPLE_RATE : 3 * SAMPLE_RATE] = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    wave[100] = 1.0
    broken = evaluate.steadiness(wave)
    assert broken["silent_s"] == 1
    assert broken["noisy_s"] == 1
    assert broken["clicks"] == 2  # up and down again


def test_no_stroke_of_a_drum_is_a_click() -> None:
    song = corpus.Song("piano", drums=True, bass=True, tempo="fast", mode="minor")
    wave = corpus.render(song, 8, np.random.default_rng(0))
    assert np.abs(np.diff(wave)).max() > 0.25
    assert evaluate.steadiness(wave)["clicks"] == 0
    wave[int(2.13 * SAMPLE_RATE) :] += 0.8
    assert evaluate.steadiness(wave)["clicks"] == 1


def test_a_picture_is_a_png_of_the_stated_size() -> None:
    wave = np.sin(np.arange(2 * SAMPLE_RATE) / 20).astype(np.float32)
    data = pictures.spectrogram_png(wave)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert height == 96
    assert width == pytest.approx(100, abs=2)
