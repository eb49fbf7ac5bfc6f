# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run all benchmarks, each in its own process, and update RESULTS.md.

python benchmarks/all.py [--quick | --full]

On a CPU, `--quick` (the default; about twenty minutes on two cores) does not quantize or export the image tower, and
repeats less often. It needs 10 GB of temporary disk space. Nothing else should run on the machine.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
# Towers that compile or export within a minute.
QUICKER = ["--modalities", "text", "audio", "imu", "--repeats", "5"]
QUICK_ONNX = ["--modalities", "audio", "depth", "imu", "--repeats", "5"]


def cpu_commands(folder: str, is_quick: bool) -> list[list[str]]:
    return [
        ["fbank.py"],
        ["import_time.py", *(["--repeats", "5"] if is_quick else [])],
        ["towers.py", *(["--repeats", "5"] if is_quick else ["--repeats", "9"])],
        ["towers.py", "--dtype", "bfloat16", *(["--repeats", "3"] if is_quick else [])],
        ["towers.py", "--compile", "freeze", "--repeats", "5"],
        ["latency.py", *(QUICKER if is_quick else [])],
        ["quantised.py", *(QUICKER if is_quick else [])],
        ["onnx_towers.py", *(QUICK_ONNX if is_quick else [])],
        ["scaling.py"],
        ["cold_start.py", "--folder", folder, *(["--repeats", "2"] if is_quick else [])],
        ["subset.py", "--folder", folder],
        ["embed.py", "--images", "16", "--batch-size", "8"],
    ]


def cuda_commands(folder: str) -> list[list[str]]:
    return [
        ["towers.py", "--repeats", "9"],
        ["towers.py", "--repeats", "9", "--compile"],
        ["latency.py", "--repeats", "25"],
        ["quantised.py"],
        ["scaling.py"],
        ["training.py"],
        ["embed.py"],
        ["cold_start.py", "--folder", folder],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--quick", action="store_true", help="fewer towers and repeats (the default)")
    group.add_argument("--full", action="store_true", help="all towers, more repeats")
    parser.add_argument("--size", choices=["huge", "tiny"], default="huge")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--only", nargs="+", help="names of the scripts to run, such as fbank")
    arguments = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        commands = cuda_commands(folder) if torch.cuda.is_available() else cpu_commands(folder, not arguments.full)
        for script, *options in commands:
            if arguments.only and script.removesuffix(".py") not in arguments.only:
                continue
            started = time.perf_counter()
            common = ["--size", arguments.size, "--results", str(arguments.results)]
            done = subprocess.run([sys.executable, str(HERE / script), *options, *common])
            print(f"--- {script} {' '.join(options)}: {time.perf_counter() - started:.0f} s\n", flush=True)
            if done.returncode:
                failed.append(script)
    if failed:
        sys.exit(f"Failed: {failed}; RESULTS.md keeps their sections of an earlier run.")


if __name__ == "__main__":
    main()
