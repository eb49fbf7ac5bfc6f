# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The prose stays plain: words and phrases that a reader has to decode do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("README.md", "docs", "src", "hub_cards", "benchmarks", "examples")
SUFFIXES = {".md", ".py", ".yaml", ".ipynb", ".html", ".toml"}
PLAIN = {
    r"anew": "again, from scratch",
    r"asked (for|by|with|about|in)": "queried, prompted, requested, evaluated",
    r"its likes": "similar ones",
    r"told apart": "distinguished",
    r"lest": "so that … not",
    r"(at|by) (their|the) words?": "",
    r"passed over": "skipped",
    r"named right": "classified correctly",
    r"(begins?|began) at nothing|trained from nothing": "trained from scratch",
    r"binds (them )?through classes": "",
    r"made ready": "preprocessed",
    r"leaves no half|half of one": "is written atomically",
    r"what no single field": "combinations of fields",
    r"a word on it": "with an error message",
    r"whose business": "",
    r"whatever there is|what is there": "existing",
    r"stranger'?s'?": "untrusted",
    r"never met|met (a|an|images|texts) ": "was never trained with",
    r"named by words": "classified by text",
    r"the published (implementation|code|way)": "the original implementation",
    r"unasked": "without --overwrite",
    r"everything plane": "",
    r"which is how|so many (pairs|items|times|views|clips|rows)": "",
    r"goes on (from|with|where)": "continues, resumes",
    r"whoever|whereof|thereof": "",
    r"spare": "",
    r"never (seen|heard) (a|an|by) ": "was never trained with",
    r"licence|colour|optimiser|initialise|behaviour|centre[ds]?|grey": "American spelling",
}


def _files() -> list[Path]:
    places = [ROOT / place for place in PLACES]
    found = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return [file for file in found if file.suffix in SUFFIXES and "__pycache__" not in file.parts]


@pytest.mark.parametrize("phrase", PLAIN)
def test_no_file_contains(phrase):
    pattern = re.compile(rf"\b({phrase})", re.IGNORECASE)
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in _files()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"write {PLAIN[phrase] or 'it plainly'!r} instead:\n" + "\n".join(found)
