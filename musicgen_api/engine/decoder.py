"""The decode loop: steps of codes in, sampled steps out, a callback after each.

Knows neither prompts as text nor checkpoints: it gets weights and condition tensors. The windows of a long
generation are its caller's (AudioCraft's `MusicGen._generate_tokens`), each being one `generate` here.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.fused import MOST_ROWS, FusedStep, FusedWeights, supports
from musicgen_api.engine.pattern import UNKNOWN, delay_codes, first_open_step, undelay_codes
from musicgen_api.engine.runner import BLOCK, BUCKET, BucketRunner, EagerRunner, FusedRunner, Runner
from musicgen_api.engine.sampling import Sampling, guide, sample
from musicgen_api.engine.state import Conditions, drop_null_cross, new_state, project_condition, restart
from musicgen_api.engine.threads import ThreadTuner, threads_restored, tuned_step
from musicgen_api.engine.transformer import Tables, make_tables, prefill
from musicgen_api.engine.weights import ModelWeights

Callback = Callable[[int, int], None]

_CROSS_BUCKET = 64
_STEPS_AHEAD = 2


class Decoder:
    """Generates codes with one model's weights. One `generate` at a time.

    Where `fused.supports` it, a step is one compiled function. `cuda_graphs` captures the step on a GPU. `padded` reads
    the cache in whole buckets without capturing, as a captured step does: for tests on a CPU.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: ModelWeights,
        *,
        cuda_graphs: bool = True,
        padded: bool = False,
    ) -> None:
        self.architecture = architecture
        self.weights = weights
        self._capture = cuda_graphs and weights.device.type == "cuda"
        self._padded = padded or self._capture
        self._kept: dict[int, BucketRunner] = {}
        self._made_tables: Tables | None = None
        self._fused = FusedWeights(architecture, weights) if supports(architecture, weights) else None

    @torch.inference_mode()
    def generate(
        self,
        prompt: Tensor,
        conditions: Sequence[Conditions],
        *,
        frames: int,
        sampling: Sampling,
        guidance: float | None = None,
        callback: Callback | None = None,
    ) -> Tensor:
        """Continue the prompt [B, K, T] (T may be 0) to codes [B, K, frames], prompt included.

        `conditions` holds one batch, or two that are run one after the other (conditional, null). With
        `guidance` their rows together are 2B and the null rows are the last B; without it they are B.
        `callback(done, total)` is called after each step; what it raises ends the generation and leaves
        nothing behind. Draws from torch's default generator.
        """
        a = self.architecture
        batch, codebooks, prompt_frames = prompt.shape
        assert codebooks == a.codebooks, f"{codebooks} codebooks for a model with {a.codebooks}"
        assert prompt_frames < frames, f"a prompt of {prompt_frames} frames leaves nothing of {frames}"
        rows = sum(part.rows for part in conditions)
        assert rows == batch * (1 if guidance is None else 2), f"{rows} condition rows for {batch} songs"
        with torch.autocast(self.weights.device.type, enabled=False), threads_restored():
            steps = self._open_steps(prompt, frames)
            start = first_open_step(prompt_frames, a.delays)
            self._fill(steps, start, self._merge(conditions, batch), sampling, guidance, callback)
        codes = undelay_codes(steps, a.delays)
        assert bool((codes != UNKNOWN).all()), "a code was left open"
        return codes

    def begin(self, steps: Tensor, start: int, conditions: Sequence[Conditions]) -> tuple[Tensor, list[Runner]]:
        """Run the first `start` of the delayed steps [B, K, S]: their last logits, and runners to go on with.

        The runners of several conditions are to be stepped together; the rows of all their logits are one batch.
        """
        runners: list[Runner] = []
        logits: list[Tensor] = []
        for index, part in enumerate(conditions):
            capacity = part.prefix_steps + steps.shape[-1] - 1
            runner = self._prepare(index, part, part.prefix_steps + start, capacity, steps.shape[0])
            known = steps[..., :start]
            tables = self._tables(capacity)
            logits.append(prefill(self.architecture, self.weights, tables, runner.state, known, part.prefix))
            runners.append(runner)
        return _join(logits), runners

    def _open_steps(self, prompt: Tensor, frames: int) -> Tensor:
        """The delayed steps [B, K, S] with the prompt in place and UNKNOWN where codes are to come."""
        prompt = prompt.to(self.weights.device)
        codes = torch.nn.functional.pad(prompt, (0, frames - prompt.shape[-1]), value=UNKNOWN)
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

    def _fill(
        self,
        steps: Tensor,
        start: int,
        conditions: Sequence[Conditions],
        sampling: Sampling,
        guidance: float | None,
        callback: Callback | None,
    ) -> None:
        """Generate every open step of `steps` [B, K, S] in place."""
        total = steps.shape[-1] - start
        runners: list[Runner] = []
        pace = _Pace(self.weights.device)
        on_cpu = self.weights.device.type == "cpu"
        tuner = ThreadTuner(torch.get_num_threads()) if on_cpu else None
        for offset in range(start, steps.shape[-1]):
            if not runners:
                logits, runners = self.begin(steps, start, conditions)
            else:
                with tuned_step(tuner):
                    codes = steps[..., offset - 1]
                    logits = _join([runner.step(codes) for runner in runners])
            if guidance is not None:
                logits = guide(logits, guidance)
            column = steps[..., offset]
            column.copy_(torch.where(column == UNKNOWN, sample(logits, sampling), column))
            pace.wait()
            if callback is not None:
                callback(1 + offset - start, total)

    def _prepare(self, index: int, part: Conditions, known: int, capacity: int, batch: int) -> Runner:
        """A runner with empty buffers for the job's `index`-th batch; captured graphs stay while shapes
        allow.

        `known` steps come first, at once; `capacity` is what there will be in the end.
        """
        if not self._padded:
            condition = project_condition(self.architecture, self.weights, part.cross)
            fused = self._fused if part.rows <= MOST_ROWS else None
            room = capacity if fused else known + -known % BLOCK
            state = new_state(self.architecture, self.weights, part.rows, room, condition)
            if fused is None:
                return EagerRunner(self.architecture, self.weights, self._tables(capacity), state)
            step = FusedStep(fused, state, torch.get_num_threads())
            return FusedRunner(self.weights, self._tables(capacity), state, step)
        condition = project_condition(self.architecture, self.weights, part.cross, pad_to=_CROSS_BUCKET)
        kept = self._kept.get(index)
        if kept is not None and kept.fits(batch, part.rows, capacity, condition.shape):
            restart(kept.state, condition)
            return kept
        self._kept.pop(index, None)
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


def _join(logits: list[Tensor]) -> Tensor:
    return logits[0] if len(logits) == 1 else torch.cat(logits)
