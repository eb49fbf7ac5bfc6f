# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Cost of loading some towers of a full-size checkpoint: seconds, bytes read from disk, peak memory.

python benchmarks/subset.py [--folder FOLDER]

Writes a checkpoint of imagebind_huge's size with random weights (4.8 GB) unless the folder contains one. Each load
runs in its own process, with the files removed from the page cache.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import MODALITIES, make_config
from timing import make_parser, record

from imagebind_hf import ImageBindConfig

SUBSETS = (["audio"], ["text", "audio"], ["imu"], None)


def write_checkpoint(folder: Path, config: ImageBindConfig) -> None:
    """Save random weights of the shapes that a configuration defines."""
    import torch

    from imagebind_hf import ImageBindModel

    with torch.device("meta"):
        model = ImageBindModel(config)
    model.to_empty(device="cpu")
    for buffer in model.buffers():
        buffer.zero_()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.02, 0.02)
    model.save_pretrained(folder)


def read_bytes() -> int:
    """Return the number of bytes that this process has read from disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def peak_bytes() -> int:
    """Return the peak memory of this process in bytes."""
    # Not getrusage, whose peak is inherited from the parent process.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def drop_from_cache(folder: Path) -> None:
    """Remove the files of a checkpoint from the page cache, so that they are read from disk."""
    for file in folder.iterdir():
        if file.suffix in (".safetensors", ".pth"):
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def load(folder: str, modalities: list[str] | None) -> None:
    """Load, and print a report as JSON; runs in its own process."""
    from transformers import AutoModel

    import imagebind_hf  # noqa: F401

    drop_from_cache(Path(folder))
    before, started = read_bytes(), time.perf_counter()
    model = AutoModel.from_pretrained(folder, **({} if modalities is None else {"modalities": modalities}))
    total = sum(float(parameter.sum()) for parameter in model.parameters())  # reads every weight
    report = {
        "seconds": time.perf_counter() - started,
        "read": read_bytes() - before,
        "peak": peak_bytes(),
        "parameters": model.num_parameters(),
        "finite": total == total,
    }
    print(json.dumps(report))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--load", nargs=2)
    arguments = parser.parse_args()
    if arguments.load:
        return load(arguments.load[0], json.loads(arguments.load[1]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / "config.json").is_file():
            write_checkpoint(folder, make_config(arguments.size, *MODALITIES))
        rows = []
        for modalities in SUBSETS:
            command = [sys.executable, __file__, "--load", str(folder), json.dumps(modalities)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            report = json.loads(output.splitlines()[-1])
            name = "all" if modalities is None else ", ".join(modalities)
            sizes = (report["parameters"] / 1e6, report["read"] / 2**30, report["peak"] / 2**30, report["seconds"])
            rows.append("| {} | {:.1f} M | {:.2f} GiB | {:.2f} GiB | {:.1f} s |".format(name, *sizes))
    table = "\n".join(rows)
    record(
        "subset",
        f"""
## Loading some towers of a checkpoint ({arguments.size}, float32)

| modalities | parameters | read from disk | peak memory of the process | time |
|---|---|---|---|---|
{table}

Importing torch and transformers accounts for about half a GiB of the peak.
""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
