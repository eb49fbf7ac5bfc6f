# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Timing of two ways to do one thing, side by side, and the page that keeps the results."""

import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


@dataclass
class Comparison:
    """Median seconds of ours and of the peer, and between which ratios the middle half of the pairs lies."""

    ours: float
    peer: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.peer / self.ours

    def __str__(self) -> str:
        ours, peer = (f"{1000 * seconds:.2f} ms" for seconds in (self.ours, self.peer))
        return f"| {ours} | {peer} | **{self.ratio:.2f}×** ({self.low:.2f} to {self.high:.2f}) |"


def compare(ours: Callable[[], object], peer: Callable[[], object], repeats: int = 15, warmup: int = 2) -> Comparison:
    """Run both in turn, so that whatever disturbs the machine disturbs both."""
    times: dict[Callable[[], object], list[float]] = {ours: [], peer: []}
    for round_ in range(warmup + repeats):
        for function in (ours, peer) if round_ % 2 else (peer, ours):
            synchronize()
            started = time.perf_counter()
            function()
            synchronize()
            if round_ >= warmup:
                times[function].append(time.perf_counter() - started)
    ratios = sorted(b / a for a, b in zip(times[ours], times[peer], strict=True))
    quarter = len(ratios) // 4
    medians = [statistics.median(times[function]) for function in (ours, peer)]
    return Comparison(*medians, low=ratios[quarter], high=ratios[-1 - quarter])


def synchronize() -> None:
    """Wait for the accelerator, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine() -> str:
    """Say what this runs on, in one line."""
    if torch.cuda.is_available():
        chip = torch.cuda.get_device_name()
    else:
        try:
            chip = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()).group(1)
        except (OSError, AttributeError):
            chip = platform.processor() or platform.machine()
        chip += f", {torch.get_num_threads()} threads of {os.cpu_count()} cores"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchaudio", "transformers"))
    return f"{chip}; Python {platform.python_version()}, {packages}"


def record(name: str, text: str) -> None:
    """Print a section of the results, and put it in its place on the page."""
    text = f"{text.strip()}\n\nMachine: {machine()}. Command: `python benchmarks/{name}.py`."
    print(text)
    section = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results of the benchmarks\n"
    pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    page = pattern.sub(lambda _: section, page) if pattern.search(page) else page.rstrip() + f"\n\n{section}\n"
    RESULTS.write_text(page, encoding="utf-8")
