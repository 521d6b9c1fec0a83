"""The service as gunicorn serves it, but for its synthesizer, which takes its time and makes silence.

For tests of what stands around a job: `Server(..., application="tests.helpers.paced_service:app")` starts in a second.
"""

from __future__ import annotations

import math
import time

import numpy as np

from musicgen_api import create_app
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Phase, Sound, Take
from musicgen_api.jobs.gpu_thread import GpuThread
from tests.helpers.fakes import BREAKS_OFF, FakeSynthesizer

STEP_S = 0.005
STEPS_PER_S = 4
RATE = 32_000


def play_at_a_pace(request: MusicRequest, monitor: Monitor) -> Music:
    """Make `duration` seconds of silence in a fiftieth of the time, in steps that ask whether to stop."""
    steps = math.ceil(request.duration * STEPS_PER_S)
    for step in range(steps):
        monitor.check()
        monitor.progress(100 * step / steps, Phase.GENERATING)
        time.sleep(STEP_S)
        if request.live:
            monitor.sound(Sound(step / STEPS_PER_S, np.zeros((1, RATE // STEPS_PER_S), np.int16), RATE))
        if BREAKS_OFF in request.description and step >= steps / 2:
            raise OutOfMemory("The memory was too small for this piece.")
    silence = np.zeros((1, RATE // STEPS_PER_S * steps), np.float32)
    return Music((Take(request.seed, silence),), RATE)


gpu_thread = GpuThread(lambda: FakeSynthesizer(play_at_a_pace))
gpu_thread.start()
app = create_app(gpu_thread=gpu_thread)
