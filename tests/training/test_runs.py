"""What the stages share."""

from pathlib import Path

import pytest
import torch

from training import runs


def test_the_learning_rate_rises_holds_and_falls() -> None:
    rates = [runs.learning_rate(step, 1000, 1e-3) for step in range(1000)]
    assert rates[0] < rates[10] < rates[60] == rates[399] == pytest.approx(1e-3)
    assert rates[399:] == sorted(rates[399:], reverse=True)
    assert rates[-1] == pytest.approx(3e-5, rel=0.05)


def test_a_checkpoint_comes_back_and_a_missing_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "stage.pt"
    assert runs.load(path, torch.device("cpu")) is None
    runs.save(path, {"step": 7, "weights": torch.ones(3)})
    state = runs.load(path, torch.device("cpu"))
    assert state is not None and state["step"] == 7
    assert [file.name for file in tmp_path.iterdir()] == ["stage.pt"]


def test_random_numbers_depend_on_seed_and_step_alone() -> None:
    assert runs.generator(1, 2).integers(1 << 30) == runs.generator(1, 2).integers(1 << 30)
    assert runs.generator(1, 2).integers(1 << 30) != runs.generator(1, 3).integers(1 << 30)


def test_steps_go_on_where_a_run_stopped() -> None:
    assert list(runs.count_steps(3, 6, "test")) == [3, 4, 5]
