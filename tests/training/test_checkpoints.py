# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder is either complete or does not exist."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel
from transformers.trainer_utils import get_last_checkpoint

from training.test_trainer import make_trainer

FILES = {"config.json", "model.safetensors.index.json", "optimizer.pt", "scheduler.pt", "trainer_state.json"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_save_total_limit(tmp_path):
    trainer = make_trainer(tmp_path, save_strategy="steps", save_steps=2, max_steps=8, save_total_limit=2)
    trainer.train()
    assert {name for name in names(tmp_path) if name.startswith(("checkpoint", "_"))} == {
        "checkpoint-6",
        "checkpoint-8",
    }
    assert names(tmp_path / "checkpoint-8") >= FILES


def test_failed_save_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, save_strategy="steps", save_steps=2, max_steps=8)

    def disk_full(folder):
        if trainer.state.global_step == 6:
            raise OSError("No space left on device")

    monkeypatch.setattr(trainer, "_save_rng_state", disk_full)
    with pytest.raises(OSError, match="No space left"):
        trainer.train()
    assert get_last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-4")
    again = make_trainer(tmp_path, save_strategy="steps", save_steps=2, max_steps=8)
    again.train(resume_from_checkpoint=True)
    assert get_last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-8") and "_saving" not in names(tmp_path)


# Fork one child after the other, so that only one process imports. Each resumes and is killed at a random moment.
KILLER = """
import json, os, random, signal, sys, time
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from training.test_trainer import make_trainer
from transformers.trainer_utils import get_last_checkpoint
folder, kills = sys.argv[2], int(sys.argv[3])
settings = {"save_strategy": "steps", "save_steps": 1, "max_steps": 100_000, "save_total_limit": 3}
random.seed(0)
steps = []
for _ in range(kills):
    child = os.fork()
    if not child:
        trainer = make_trainer(folder, **settings)
        trainer.train(resume_from_checkpoint=bool(get_last_checkpoint(folder)))
        os._exit(1)
    started, before = time.time(), set(os.listdir(folder))
    # Wait until the child saves, and a little longer, because most of the time of a step is saving.
    while set(os.listdir(folder)) == before and time.time() - started < 60:
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.4))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended before it was killed"
    steps.append((get_last_checkpoint(folder), "_saving" in os.listdir(folder)))
print(json.dumps(steps))
"""


@pytest.mark.slow
def test_kill_at_any_moment_leaves_complete_checkpoints(tmp_path):
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", KILLER, str(tests), str(tmp_path), "20"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    assert process.returncode == 0, process.stderr[-3000:]
    history = json.loads(process.stdout.splitlines()[-1])
    assert len(history) == 20 and any(was_saving for _, was_saving in history), "some kills interrupt a save"
    for path in tmp_path.glob("checkpoint-*"):
        assert names(path) >= FILES
        state = json.loads((path / "trainer_state.json").read_text())
        assert path.name == f"checkpoint-{state['global_step']}"
        assert AutoModel.from_pretrained(path).config.projection_dim == 16
        assert torch.load(path / "optimizer.pt", weights_only=True)["state"]
    last = Path(get_last_checkpoint(tmp_path))
    step = int(last.name.split("-")[1])
    trainer = make_trainer(tmp_path, max_steps=step + 2)
    trainer.train(resume_from_checkpoint=True)
    assert trainer.state.global_step == step + 2
