# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Time from a full-size checkpoint on disk to the first audio embedding: our audio tower, and the original way.

python benchmarks/cold_start.py [--folder FOLDER]

The original implementation builds all towers, reads the whole state dict with `torch.load`, and copies it into them.
The two alternate, each run in its own process, with the files removed from the page cache. Imports count toward the
peak memory, not toward the time. Both checkpoints are written with random weights (9.6 GB) unless the folder
contains them.
"""

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from cases import make_config, make_values
from subset import drop_from_cache, peak_bytes, read_bytes, write_checkpoint
from timing import Comparison, make_parser, record

TOWERS = ("image", "text", "audio", "depth", "thermal", "imu")


def write_checkpoints(folder: Path, size: str) -> None:
    """Save our checkpoint, and next to it a state dict of the peer's towers, whose shapes are the published ones."""
    from peer import make_tower

    config = make_config(size, *TOWERS)
    write_checkpoint(folder, config)
    with torch.device("meta"):
        towers = torch.nn.ModuleDict({name: make_tower(config, name) for name in config.tower_configs})
    state = {name: torch.empty(value.shape).uniform_(-0.02, 0.02) for name, value in towers.state_dict().items()}
    torch.save(state, folder / "published.pth")


def load(folder: str, size: str, which: str) -> None:
    """Load, embed, and print a report as JSON; runs in its own process."""
    config = make_config(size, *TOWERS)
    values = make_values(config, "audio", 1)
    # Both ways need these imports.
    import peer
    from transformers import AutoModel

    import imagebind_hf.models.imagebind.modeling_imagebind  # noqa: F401

    drop_from_cache(Path(folder))
    before, started = read_bytes(), time.perf_counter()
    with torch.no_grad():
        if which == "ours":
            model = AutoModel.from_pretrained(folder, modalities=["audio"])
            vector = model(input_features=values).audio_embeds
        else:
            towers = torch.nn.ModuleDict({name: peer.make_tower(config, name) for name in config.tower_configs})
            towers.load_state_dict(torch.load(Path(folder) / "published.pth"))
            vector = towers.eval()["audio"](values)
    report = {"seconds": time.perf_counter() - started, "read": read_bytes() - before, "peak": peak_bytes()}
    print(json.dumps({**report, "finite": bool(vector.isfinite().all())}))


def main() -> None:
    parser = make_parser(__doc__)
    parser.set_defaults(repeats=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--load", nargs=2)
    arguments = parser.parse_args()
    if arguments.load:
        return load(arguments.load[0], arguments.size, arguments.load[1])
    reports: dict[str, list[dict]] = {"ours": [], "peer": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "published.pth").is_file():
            write_checkpoints(folder, arguments.size)
            gc.collect()
        for round_ in range(arguments.repeats):
            for which in ("ours", "peer") if round_ % 2 else ("peer", "ours"):
                command = [sys.executable, __file__, "--size", arguments.size, "--load", str(folder), which]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                reports[which].append(json.loads(output.splitlines()[-1]))
    rows = []
    for which, name in (("ours", '`from_pretrained(…, modalities=["audio"])`'), ("peer", "`torch.load`, all towers")):
        median = {key: statistics.median(report[key] for report in reports[which]) for key in reports[which][0]}
        sizes = [f"{median[key] / 2**30:.2f} GiB" for key in ("read", "peak")]
        rows.append(f"| {name} | {median['seconds']:.2f} s | {' | '.join(sizes)} |")
    times = ([report["seconds"] for report in reports[which]] for which in ("ours", "peer"))
    record(
        "cold_start",
        f"""
## From disk to the first audio embedding ({arguments.size}, float32)

| | load and embed | read from disk | peak memory of the process |
|---|---|---|---|
{chr(10).join(rows)}

Speed-up: {Comparison.of(*times).faster}.
""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
