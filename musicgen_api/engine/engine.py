"""The loop over the steps of one window: frames of codes come out as they are decided.

Knows neither prompts as text nor checkpoints: it gets weights and condition tensors. The windows of a long piece are
its caller's, each being one `generate` here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.cpu.compiled import CompiledRunner, compiled_weights
from musicgen_api.engine.cpu.layout import MOST_ROWS
from musicgen_api.engine.cpu.threads import ThreadTuner, torch_threads, tuned_step
from musicgen_api.engine.pattern import UNKNOWN, decided_codes, delay_codes, first_open_step
from musicgen_api.engine.runner import BLOCK, BUCKET, BucketRunner, EagerRunner, Runner
from musicgen_api.engine.sampling import Generators, Sampling, guide, sample
from musicgen_api.engine.state import (
    Check,
    Conditions,
    drop_null_cross,
    new_state,
    project_condition,
    restart,
    unchecked,
)
from musicgen_api.engine.transformer import Tables, make_tables
from musicgen_api.engine.weights import ModelWeights

log = logging.getLogger(__name__)

OnStep = Callable[[], None]
"""Called after each step; what it raises ends the generation."""

FRAMES_AT_ONCE = 25
"""How many decided frames are handed over together, at most: half a second of music."""

_CROSS_BUCKET = 64
_STEPS_AHEAD = 2
_MOST_SONGS = 16


class Engine:
    """Generates codes with one model's weights. One `generate` at a time.

    `step` is the form of the compiled step (`cpu/forms.py`): a name, `auto` for the processor's best, `off` for
    torch's operations, which also decode what the compiled step cannot. `cuda_graphs` captures the step on a GPU.
    `padded` reads the cache in whole buckets without capturing, as a captured step does: for tests on a CPU.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: ModelWeights,
        *,
        step: str = "auto",
        cuda_graphs: bool = True,
        padded: bool = False,
    ) -> None:
        self.architecture = architecture
        self.weights = weights
        self._capture = cuda_graphs and weights.device.type == "cuda"
        self._padded = padded or self._capture
        self._kept: dict[int, BucketRunner] = {}
        self._made_tables: Tables | None = None
        self._compiled = compiled_weights(architecture, weights, step)

    @property
    def form(self) -> str | None:
        """The form of the compiled step, or None where torch's operations do."""
        return self._compiled.form.name if self._compiled else None

    @property
    def most_songs(self) -> int:
        """How many songs one `generate` can take so that each is, bit for bit, what it is by itself.

        The compiled step computes rows apart from each other. torch's products on a CPU do not promise that; on a GPU
        nothing is promised, and songs that share the reading of the weights are what it is made for.
        """
        if self.weights.device.type != "cpu":
            return _MOST_SONGS
        return MOST_ROWS // 2 if self._compiled is not None else 1

    @torch.inference_mode()
    def generate(
        self,
        known: Tensor,
        conditions: Sequence[Conditions],
        *,
        frames: int,
        sampling: Sampling,
        guidance: float | None = None,
        generators: Generators = (None,),
        on_step: OnStep = unchecked,
        check: Check = unchecked,
    ) -> Iterator[Tensor]:
        """Continue the known codes [B, K, T] (T may be 0) to `frames` frames; the new ones come in order, [B, K, n].

        `conditions` holds one batch, or two that are run one after the other (conditional, null). With
        `guidance` their rows together are 2B and the null rows are the last B; without it they are B.
        `on_step()` is called after each step, and `check()` before each layer of the first steps, which run at once.
        What they raise, or closing the iterator, ends the generation and leaves nothing behind. The first steps of a
        window decide no whole frame, because codebooks lag (`pattern.py`).
        """
        a = self.architecture
        batch, codebooks, known_frames = known.shape
        assert codebooks == a.codebooks, f"{codebooks} codebooks for a model with {a.codebooks}"
        assert known_frames < frames, f"{known_frames} known frames leave nothing of {frames}"
        rows = sum(part.rows for part in conditions)
        assert rows == batch * (1 if guidance is None else 2), f"{rows} condition rows for {batch} songs"

        # Prefill: everything that is known goes through the model at once.
        steps = self._open_steps(known, frames)
        first = first_open_step(known_frames, a.delays)
        logits, runners = self.begin(steps, first, self._merge(conditions, batch), check)

        # Then step by step: sample a column, hand over the frames that it completes, run it.
        last, handed_over = steps.shape[-1] - 1, known_frames
        tuner = ThreadTuner(torch.get_num_threads()) if self.weights.device.type == "cpu" else None
        pace = _Pace(self.weights.device)
        for position in range(first, last + 1):
            with torch_threads(1) if tuner else nullcontext():  # too little work to wait for other threads
                _choose(steps[..., position], logits, guidance, sampling, generators)
            pace.wait()
            on_step()
            decided = position - max(a.delays)
            if decided - handed_over >= FRAMES_AT_ONCE or position == last:
                yield decided_codes(steps, handed_over, decided, a.delays)
                handed_over = decided
            if position < last:
                with tuned_step(tuner):
                    logits = _join([runner.step(steps[..., position]) for runner in runners])

    @torch.inference_mode()
    def begin(
        self, steps: Tensor, start: int, conditions: Sequence[Conditions], check: Check = unchecked
    ) -> tuple[Tensor, list[Runner]]:
        """Run the first `start` of the delayed steps [B, K, S]: their last logits, and runners to go on with.

        The runners of several conditions are to be stepped together; the rows of all their logits are one batch.
        """
        runners: list[Runner] = []
        logits: list[Tensor] = []
        for index, part in enumerate(conditions):
            capacity = part.prefix_steps + steps.shape[-1] - 1
            runner = self._prepare(index, part, part.prefix_steps + start, capacity, steps.shape[0], check)
            logits.append(runner.prefill(steps[..., :start], part.prefix, check))
            runners.append(runner)
        return _join(logits), runners

    def _open_steps(self, known: Tensor, frames: int) -> Tensor:
        """The delayed steps [B, K, S] with the known codes in place and UNKNOWN where codes are to come."""
        known = known.to(self.weights.device)
        codes = torch.nn.functional.pad(known, (0, frames - known.shape[-1]), value=UNKNOWN)
        return delay_codes(codes, self.architecture.delays, self.architecture.card)

    def _merge(self, conditions: Sequence[Conditions], batch: int) -> list[Conditions]:
        """Drop cross-attention that adds nothing; make one batch of two where that is then possible."""
        if len(conditions) == 1:
            return [drop_null_cross(conditions[0], batch, self.weights)]
        conditional, null = conditions
        null = drop_null_cross(null, 0, self.weights)
        same_prefix = conditional.prefix_steps == null.prefix_steps
        if not same_prefix or (null.cross is not None and null.cross.shape[0] > 0):
            return [conditional, null]
        prefix = None
        if conditional.prefix is not None and null.prefix is not None:
            prefix = torch.cat([conditional.prefix, null.prefix])
        return [Conditions(conditional.rows + null.rows, prefix, conditional.cross)]

    def _prepare(self, index: int, part: Conditions, known: int, capacity: int, batch: int, check: Check) -> Runner:
        """A runner with empty buffers for the job's `index`-th batch of conditions.

        `known` steps come first, at once; `capacity` is how many there will be in the end.
        """
        if self._padded:
            return self._bucket_runner(index, part, capacity, batch, check)
        condition = project_condition(self.architecture, self.weights, part.cross, check=check)
        if self._compiled is not None and part.rows <= MOST_ROWS:
            state = new_state(self.architecture, self.weights, part.rows, capacity, condition)
            return CompiledRunner(self._compiled, self._tables(capacity), state, batch, torch.get_num_threads())
        room = known + -known % BLOCK
        state = new_state(self.architecture, self.weights, part.rows, room, condition)
        return EagerRunner(self.architecture, self.weights, self._tables(capacity), state)

    def _bucket_runner(self, index: int, part: Conditions, capacity: int, batch: int, check: Check) -> BucketRunner:
        """The runner of the last job where the shapes allow, with what it captured; else a new one in its place."""
        condition = project_condition(self.architecture, self.weights, part.cross, pad_to=_CROSS_BUCKET, check=check)
        kept = self._kept.get(index)
        if kept is not None:
            changed = kept.why_not(batch, part.rows, capacity, condition.shape)
            if changed is None:
                restart(kept.state, condition)
                return kept
            log.debug("Buffers are made anew, and what was captured is lost: %s", changed)
            del self._kept[index], kept  # their memory is free before the new ones take theirs
        capacity += -capacity % BUCKET
        state = new_state(self.architecture, self.weights, part.rows, capacity, condition)
        tables = self._tables(capacity)
        runner = BucketRunner(self.architecture, self.weights, tables, state, batch, capture=self._capture)
        self._kept[index] = runner
        return runner

    def _tables(self, capacity: int) -> Tables:
        """Position tables of at least `capacity` rows, made once and grown when a job needs more."""
        if self._made_tables is None or self._made_tables.capacity < capacity:
            self._made_tables = make_tables(self.architecture, self.weights, capacity)
        return self._made_tables


class _Pace:
    """Keeps the host at most a few steps ahead of a GPU: progress is true, and a cancel takes effect soon."""

    def __init__(self, device: torch.device) -> None:
        self._events: list[torch.cuda.Event] | None = [] if device.type == "cuda" else None

    def wait(self) -> None:
        if self._events is None:
            return
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()  # type: ignore[no-untyped-call]
        self._events.append(event)
        if len(self._events) > _STEPS_AHEAD:
            self._events.pop(0).synchronize()


def _choose(column: Tensor, logits: Tensor, guidance: float | None, sampling: Sampling, generators: Generators) -> None:
    """Sample the open codes of a step [B, K] in place from logits [B, K, card], or [2B, K, card] to be guided."""
    if guidance is not None:
        logits = guide(logits, guidance)
    column.copy_(torch.where(column == UNKNOWN, sample(logits, sampling, generators), column))


def _join(logits: list[Tensor]) -> Tensor:
    return logits[0] if len(logits) == 1 else torch.cat(logits)
