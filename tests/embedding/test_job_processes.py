# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import random
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest
import torch
from embedding_samples import one_by_one, save_checkpoint, write_inputs

from imagebind_hf.embedding import EmbeddingJob, find_items, load_embeddings


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


def test_one_process_writes_to_a_folder(checkpoint, inputs, tmp_path):
    items = find_items([inputs / "texts.txt"])
    job = EmbeddingJob(items, tmp_path / "out", str(checkpoint))
    script = f"""
import sys
from imagebind_hf.utils.locks import one_writer
with one_writer({str(tmp_path / "out")!r}, "writer-0"):
    print("locked", flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="Another process is writing to '.*out'. Wait until it has finished, or"):
            job.run(progress=False)
        assert not list((tmp_path / "out").glob("part-*"))
        # Another process of the same job takes its own share.
        assert job.run(1, 2, progress=False).made == 0
        # The operating system releases the lock of a process that is killed.
        other.kill()
        other.wait()
        assert job.run(progress=False).embedded == 5
    finally:
        other.kill()
        other.communicate()


def test_processes_divide_the_parts(checkpoint, inputs, tmp_path):
    items = find_items([inputs])
    made = [
        EmbeddingJob(items, tmp_path, str(checkpoint), part_size=3).run(rank, 2, progress=False).made
        for rank in (0, 1)
    ]
    assert made == [3, 2] and len(load_embeddings(tmp_path)[0]) == 12


@pytest.mark.slow
def test_killed_at_any_moment(checkpoint, tmp_path):
    """No row is lost or duplicated, however often the process is killed."""
    (tmp_path / "numbers.txt").write_text("\n".join(f"number {number}" for number in range(400)))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "imagebind_hf.cli", "embed", str(tmp_path / "numbers.txt")]
    command += ["--model", str(checkpoint), "--output", str(output), "--part-size", "1", "--batch-size", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    wait, kills = random.Random(0), 0
    for _ in range(4):
        present = len(list(output.glob("part-*")))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None and len(list(output.glob("part-*"))) < present + 2:
            time.sleep(0.01)
        time.sleep(wait.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2 and 0 < len(list(output.glob("part-*"))) < 400
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0 and "400 vectors" in finished.stdout, finished.stderr
    ids, _, vectors = load_embeddings(output)
    assert ids == [f"{tmp_path / 'numbers.txt'}#{number}" for number in range(400)]
    expected = torch.stack(list(one_by_one(checkpoint, tmp_path / "numbers.txt").values()))
    torch.testing.assert_close(torch.from_numpy(vectors), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_accelerate_launch(checkpoint, inputs, tmp_path):
    config = resources.files("imagebind_hf.training") / "accelerate" / "cpu_two_processes.yaml"
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    command += ["-m", "imagebind_hf.cli", "embed", str(inputs), "--model", str(checkpoint)]
    command += ["--output", str(tmp_path), "--part-size", "3"]
    shown = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert shown.returncode == 0 and shown.stdout.count("12 vectors") == 1, shown.stderr[-2000:]
    assert len(load_embeddings(tmp_path)[0]) == 12 and json.loads((tmp_path / "job.json").read_text())["items"] == 14


@pytest.mark.slow
def test_ray_makes_the_part_of_a_dead_actor_again(checkpoint, inputs, tmp_path):
    pytest.importorskip("ray")
    script = tmp_path / "job.py"
    script.write_text(
        f"""
import os, sys
from pathlib import Path
import imagebind_hf.embedding.ray as engine
from imagebind_hf.embedding import EmbeddingJob, find_items

died = Path({str(tmp_path / "died")!r})

class Mortal(engine._PartMaker):
    def __call__(self, batch):
        if int(batch["part"][0]) == 2 and not died.exists():
            died.touch()
            os.kill(os.getpid(), 9)
        return super().__call__(batch)

engine._PartMaker = Mortal
job = EmbeddingJob(find_items([{str(inputs)!r}]), {str(tmp_path / "out")!r}, {str(checkpoint)!r}, part_size=3)
result = engine.run_with_ray(job, num_actors=2)
assert result.embedded == 12 and result.made == 5, result
result = engine.run_with_ray(job, num_actors=2)
assert result.embedded == 12 and result.made == len(job.due_parts()) < 5, result
"""
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "died").exists() and len(load_embeddings(tmp_path / "out")[0]) == 12
