"""A piece as the body of a response: a finished file, or the file's bytes while the piece is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from flask import Response

from musicgen_api.apis.connection import Connection
from musicgen_api.apis.rendering import length_of, render, tags_for
from musicgen_api.apis.services import catalog, follow, gpu_thread, make, settings
from musicgen_api.audio.encode import StreamEncoder
from musicgen_api.audio.formats import Encoding, Format
from musicgen_api.audio.level import Pcm, Samples, as_floats
from musicgen_api.audio.mixing import to_channels
from musicgen_api.audio.shape import fit
from musicgen_api.domain.errors import Cancelled
from musicgen_api.domain.events import Completed, Failed
from musicgen_api.domain.request import Music, MusicRequest, Sound, Take

SAMPLE_RATE, CHANNELS = "X-Audio-Sample-Rate", "X-Audio-Channels"
"""Headers for bare samples, which do not say it themselves."""


def file_response(file: bytes, request: MusicRequest, encoding: Encoding) -> Response:
    """The response with a finished file."""
    response = Response(file, mimetype=encoding.content_type)
    response.headers.set("Content-Disposition", "attachment", filename=f"music.{encoding.extension}")
    _describe(response, request)
    return response


def finished_file(request: MusicRequest, encoding: Encoding, *, mono: bool = False) -> Response:
    """Make the music and answer with the whole file, `mono` or as the model is.

    Raises:
        MusicGenError: the request could not be taken, the job failed, or the client has gone.
    """
    music = make(request)
    take = music.takes[0]
    if mono:
        take = dataclasses.replace(take, waveform=to_channels(take.waveform, 1))
    response = file_response(render(take, music.sample_rate, request, encoding), request, encoding)
    _describe_samples(response, encoding, encoding.rate_for(music.sample_rate), len(take.waveform))
    return response


class LiveFile:
    """A job whose sound becomes the bytes of one file while it is made. Needs a request's context to begin.

    Nothing is answered before the first bytes are there, so that whatever fails until then has its own status.
    """

    def __init__(self, request: MusicRequest, encoding: Encoding, *, mono: bool = False) -> None:
        """Submit the job and wait for the first bytes.

        Raises:
            MusicGenError: the request could not be taken, the job failed, or the client has gone.
        """
        in_one_go = catalog().find(request.model).duration is not None  # decided as a whole, so heard at its end
        self.request = dataclasses.replace(request, live=not in_one_go)
        self.encoding = encoding
        self.music: Music | None = None
        """What the job made; None before its end."""
        self._mono = mono
        self._encoder: StreamEncoder | None = None
        self._taken = 0  # samples of the piece, at its own rate
        self.sample_rate = self.channels = 0
        """Of the file."""
        self._job = gpu_thread().submit(self.request)
        self._pieces = self._encoded(Connection(), settings().heartbeat_s)
        try:
            self._first = next(self._pieces)
        except BaseException:
            self._job.cancel()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of the file.

        Raises:
            MusicGenError: the job failed, or the client has gone; the file has no end.
        """
        yield self._first
        yield from self._pieces

    def response(self, body: Iterator[bytes], mimetype: str) -> Response:
        """The response that sends `body` as it comes. A client that leaves stops the job."""
        response = Response(body, mimetype=mimetype)
        _describe(response, self.request)
        _describe_samples(response, self.encoding, self.sample_rate, self.channels)
        response.headers["Cache-Control"] = "no-store, no-transform"
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(self._job.cancel)  # also runs when the body was never started
        return response

    def _encoded(self, connection: Connection, heartbeat_s: float) -> Iterator[bytes]:
        for event in follow(self._job, connection, heartbeat_s):
            match event:
                case Sound(samples=samples, sample_rate=rate):
                    yield from self._add(samples, rate)
                case Completed(music):
                    self.music = music
                    yield from self._finish(music)
                    return
                case Failed(error):
                    raise error
        raise Cancelled("The client closed the connection.")

    def _finish(self, music: Music) -> Iterator[bytes]:
        """What is still missing: everything, where the model makes no sound before the end."""
        whole = fit(music.takes[0].waveform, length_of(self.request, music.sample_rate))
        yield from self._add(whole[:, self._taken :], music.sample_rate)
        assert self._encoder is not None
        yield self._encoder.finish()

    def _add(self, samples: Samples | Pcm, sample_rate: int) -> Iterator[bytes]:
        if self._encoder is None:
            self._begin(1 if self._mono else len(samples), sample_rate)
        assert self._encoder is not None
        room = length_of(self.request, sample_rate) - self._taken  # the last frame may be longer than the piece
        samples = samples[:, :room]
        self._taken += samples.shape[1]
        if len(samples) != self.channels:
            samples = to_channels(as_floats(samples), self.channels)
        if encoded := self._encoder.add(samples):
            yield encoded

    def _begin(self, channels: int, sample_rate: int) -> None:
        self.channels = channels
        self.sample_rate = self.encoding.rate_for(sample_rate)
        tags = tags_for(self.request, Take(self.request.seed, np.zeros((channels, 0), np.float32)))
        self._encoder = StreamEncoder(self.encoding, sample_rate, channels, tags)


def _describe(response: Response, request: MusicRequest) -> None:
    response.headers["X-MusicGen-Model"] = request.model
    response.headers["X-MusicGen-Seed"] = str(request.seed)
    response.headers["Cache-Control"] = "no-store"


def _describe_samples(response: Response, encoding: Encoding, sample_rate: int, channels: int) -> None:
    """Say in headers what bare samples do not say themselves."""
    if encoding.format in (Format.PCM, Format.ULAW):
        response.headers[SAMPLE_RATE] = str(sample_rate)
        response.headers[CHANNELS] = str(channels)
