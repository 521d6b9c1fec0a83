"""The service as gunicorn serves it, but for its synthesizer, which takes its time and makes silence.

For tests of what stands around a job: `Server(..., application="tests.helpers.paced_service:app")` starts in a second.
"""

from __future__ import annotations

import math
import time

import numpy as np

from musicgen_api import create_app, logs, make_gpu_thread
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.domain.request import Monitor, Music, MusicRequest, Phase, Sound, Take
from musicgen_api.settings import Settings
from tests.helpers.fakes import BREAKS_OFF, FakeSynthesizer

STEP_S = 0.005
STEPS_PER_S = 4
SAMPLE_RATE_HZ = 32_000


def play_at_a_pace(request: MusicRequest, monitor: Monitor) -> Music:
    """Make `duration` seconds of silence in a fiftieth of the time, in steps that ask whether to stop."""
    steps = math.ceil(request.duration * STEPS_PER_S)
    for step in range(steps):
        monitor.check()
        monitor.progress(100 * step / steps, Phase.GENERATING)
        time.sleep(STEP_S)
        if request.live:
            sound = np.zeros((1, SAMPLE_RATE_HZ // STEPS_PER_S), np.int16)
            monitor.sound(Sound(step / STEPS_PER_S, sound, SAMPLE_RATE_HZ))
        if BREAKS_OFF in request.description and step >= steps / 2:
            raise OutOfMemory("The memory was too small for this piece.")
    silence = np.zeros((1, SAMPLE_RATE_HZ // STEPS_PER_S * steps), np.float32)
    return Music((Take(request.seed, silence),), SAMPLE_RATE_HZ)


settings = Settings.from_environment()
logs.configure(settings.log_format)
gpu_thread = make_gpu_thread(settings, lambda: FakeSynthesizer(play_at_a_pace))
gpu_thread.start()
app = create_app(settings, gpu_thread=gpu_thread)
