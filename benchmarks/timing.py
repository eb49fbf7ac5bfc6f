# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Timing of two ways to do the same thing, and the page with the results."""

import argparse
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
    """Median seconds of ours and of the peer, and the quartiles of the ratios of the rounds."""

    ours: float
    peer: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: list[float], peer: list[float]) -> "Comparison":
        """Compare times, where entries at the same position come from the same round."""
        ratios = sorted(b / a for a, b in zip(ours, peer, strict=True))
        quarter = len(ratios) // 4
        medians = statistics.median(ours), statistics.median(peer)
        return cls(*medians, low=ratios[quarter], high=ratios[-1 - quarter])

    @property
    def ratio(self) -> float:
        """The speed-up: the peer's median time divided by ours."""
        return self.peer / self.ours

    @property
    def faster(self) -> str:
        """The speed-up and its quartiles, as a cell of a table."""
        return f"**{self.ratio:.2f}×** ({self.low:.2f} to {self.high:.2f})"

    def __str__(self) -> str:
        ours, peer = (f"{1000 * seconds:.2f} ms" for seconds in (self.ours, self.peer))
        return f"| {ours} | {peer} | {self.faster} |"


def compare(ours: Callable[[], object], peer: Callable[[], object], repeats: int = 15, warmup: int = 2) -> Comparison:
    """Time both, alternating."""
    times = alternate({"ours": ours, "peer": peer}, repeats, warmup)
    return Comparison.of(times["ours"], times["peer"])


def alternate(functions: dict[str, Callable[[], object]], repeats: int, warmup: int = 1) -> dict[str, list[float]]:
    """Run all functions in alternation, so that other load affects all of them; return the seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(warmup + repeats):
        for name in list(functions)[:: 1 if round_ % 2 else -1]:
            seconds = seconds_of(functions[name])
            if round_ >= warmup:
                times[name].append(seconds)
    return times


def seconds_of(function: Callable[[], object]) -> float:
    """Run once, and return the time; on a GPU, the time between two events on it."""
    if not torch.cuda.is_available():
        started = time.perf_counter()
        function()
        return time.perf_counter() - started
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    synchronize()
    events[0].record()
    function()
    events[1].record()
    synchronize()
    return events[0].elapsed_time(events[1]) / 1000


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory(function: Callable[[], object]) -> float | None:
    """Return the peak memory of a run beyond the memory allocated before, in GiB; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**30


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the arguments that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--size", choices=["huge", "tiny"], default="huge", help="tiny only checks that the script runs"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the page to update")
    return parser


def machine() -> str:
    """Describe the machine and the versions in one line."""
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


def record(name: str, text: str, results: Path = RESULTS, arguments: str = "") -> None:
    """Print a section of the results, and insert or replace it on the page."""
    command = f"python benchmarks/{name.partition('-')[0]}.py {arguments}".strip()
    text = f"{text.strip()}\n\nMachine: {machine()}. Command: `{command}`."
    print(text)
    section = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    page = results.read_text(encoding="utf-8") if results.exists() else "# Results of the benchmarks\n"
    pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    page = pattern.sub(lambda _: section, page) if pattern.search(page) else page.rstrip() + f"\n\n{section}\n"
    results.write_text(page, encoding="utf-8")
