# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds the code blocks of a Markdown page, and runs those of one page in one fresh interpreter.

The module itself needs only the standard library, so that a page that forgets an import fails: as a script,
`python docs_runner.py blocks.json` runs the blocks in order, with an empty namespace for the Python ones.
"""

import doctest
import json
import re
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# In the line before a block: the block is shown, but not run.
NOT_RUN = re.compile(r"<!-- not run: \S.*-->\s*\Z")


@dataclass
class Block:
    """A fenced block of code."""

    page: str
    line: int
    language: str
    code: str


def find_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that name a language, without those marked as not run."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, match.start()) + 1, match[1], match[2])
        for match in FENCE.finditer(text)
        if not NOT_RUN.search(text[: match.start()])
    ]


def commands(code: str) -> list[list[str]]:
    """Split a shell script into the words of its commands, without comments."""
    parts = re.split(r"&&|;|\n", code.replace("\\\n", " "))
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def run_blocks(blocks: list[Block], folder: Path, environment: dict[str, str]) -> None:
    """Run the Python and bash blocks of a page in a fresh interpreter."""
    listed = folder / "blocks.json"
    listed.write_text(json.dumps([asdict(block) for block in blocks]))
    done = subprocess.run(
        [sys.executable, __file__, str(listed)], capture_output=True, text=True, cwd=folder, env=environment
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _run_python(block: Block, names: dict) -> None:
    if block.code.startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(block.code, names, block.page, block.page, block.line)
        # Names that one block defines are there in the next.
        results = doctest.DocTestRunner().run(test, clear_globs=False)
        names.update(test.globs)
        assert not results.failed
        return
    # Lines of tracebacks are those of the page.
    exec(compile("\n" * block.line + block.code, block.page, "exec"), names)


def _run_bash(block: Block) -> None:
    done = subprocess.run(["bash", "-ec", block.code], capture_output=True, text=True)
    assert done.returncode == 0, f"{block.code}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def main(listed: str) -> None:
    names: dict = {"__name__": "__main__"}
    for block in (Block(**values) for values in json.loads(Path(listed).read_text())):
        print(f"{block.page}:{block.line}", flush=True)
        if block.language == "python":
            _run_python(block, names)
        else:
            _run_bash(block)


if __name__ == "__main__":
    main(sys.argv[1])
