# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Time of imports, in alternating fresh interpreters.

python benchmarks/import_time.py
"""

import subprocess
import sys

from timing import compare, make_parser, record

ROWS = (
    ("import transformers, imagebind_hf", "import transformers"),
    ("from imagebind_hf import ImageBindModel", "from transformers import CLIPModel"),
    ("from imagebind_hf import ImageBindProcessor", "from transformers import CLIPProcessor"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.set_defaults(repeats=9)
    arguments = parser.parse_args()
    rows = []
    for ours, peer in ROWS[: 1 if arguments.size == "tiny" else None]:
        functions = [
            lambda code=code: subprocess.run([sys.executable, "-c", code], check=True) for code in (ours, peer)
        ]
        rows.append(f"| `{ours}` | `{peer}` {compare(*functions, repeats=arguments.repeats, warmup=1)}")
    record(
        "import_time",
        f"""
## Import

| ours | peer | ours | peer | speed-up |
|---|---|---|---|---|
{chr(10).join(rows)}
""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
