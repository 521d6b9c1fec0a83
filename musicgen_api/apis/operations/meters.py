"""What is counted and measured, for Prometheus, in a registry of its own. Nothing here names a prompt or a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from musicgen_api.domain.events import Completed, Failed, Outcome
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.jobs.job import Job
from musicgen_api.jobs.pace import seconds_of
from musicgen_api.version import VERSION

MUSIC_S = (5, 10, 15, 30, 60, 120, 300, 600)
WORK_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
WAIT_S = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800)
FIRST_SOUND_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 60, 300)
FACTOR = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)


class Meters:
    """The service's figures. Safe to call from any thread.

    Args:
        gpu_thread: whose jobs are counted.
        device_memory: bytes of the GPU's memory, by kind; empty where there is none.
    """

    def __init__(self, gpu_thread: GpuThread, device_memory: Callable[[], Mapping[str, int]]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_State(gpu_thread, device_memory))
        self._jobs = self._counter("jobs", "Jobs that ended.", "outcome", "model", "api")
        self._refused = self._counter("refused", "Requests that the application refused.", "reason", "api")
        self._music = self._histogram("music_seconds", "Music of completed jobs.", MUSIC_S, "model")
        self._work = self._histogram("work_seconds", "Work on completed jobs, loading included.", WORK_S, "model")
        self._factor = self._histogram("real_time_factor", "Seconds of music for a second of work.", FACTOR, "model")
        self._wait = self._histogram("wait_seconds", "Wait for the turn, of jobs that had one.", WAIT_S)
        self._sound = self._histogram(
            "first_sound_seconds", "From the request to the first sound of a completed job.", FIRST_SOUND_S, "live"
        )
        gpu_thread.listen(self._job_ended)

    def refused(self, reason: str, family: str) -> None:
        """A request was not taken; `reason` is the error's code."""
        self._refused.labels(reason, family).inc()

    def _job_ended(self, job: Job, outcome: Outcome) -> None:
        model = job.request.model
        name = outcome.error.code if isinstance(outcome, Failed) else "completed"
        self._jobs.labels(name, model, job.asker.family).inc()
        if job.begun:
            self._wait.observe(job.waited_s)
        if isinstance(outcome, Completed):
            music_s, worked_s = seconds_of(job.request), job.worked_s
            self._music.labels(model).observe(music_s)
            self._work.labels(model).observe(worked_s)
            self._factor.labels(model).observe(music_s / max(worked_s, 1e-9))
            self._sound.labels(str(job.request.live).lower()).observe(job.first_sound_s)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"musicgen_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"musicgen_{name}", text, labels, buckets=tuple(buckets), registry=self.registry)


class _State(Collector):
    """How the service is at the moment of the question."""

    def __init__(self, gpu_thread: GpuThread, device_memory: Callable[[], Mapping[str, int]]) -> None:
        self._gpu_thread = gpu_thread
        self._device_memory = device_memory

    def collect(self) -> Iterable[Metric]:
        """One gauge after the other."""
        thread = self._gpu_thread
        yield _gauge("info", "The service.", "version", {VERSION: 1})
        yield GaugeMetricFamily("musicgen_busy", "1 while a job or a load has the device.", float(thread.busy))
        yield GaugeMetricFamily("musicgen_waiting", "Jobs that wait for their turn.", thread.waiting)
        yield GaugeMetricFamily("musicgen_ready", "1 if the default model can be used.", float(thread.ready))
        yield GaugeMetricFamily("musicgen_alive", "1 if this process can generate.", float(thread.alive))
        yield _gauge("model_loaded", "1 for each model in memory.", "model", dict.fromkeys(thread.backends, 1))
        memory = self._device_memory() if thread.backends else {}  # before, torch may not be imported yet
        yield _gauge("gpu_memory_bytes", "The GPU's memory.", "kind", memory)


def _gauge(name: str, text: str, label: str, values: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(f"musicgen_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
