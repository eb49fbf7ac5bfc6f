# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Build `src/imagebind_hf/models/imagebind/tokenizer.json` from CLIP's byte-pair merges.

    python processors/build_tokenizer.py path/to/open_clip_torch-*.whl

The package open_clip_torch contains `bpe_simple_vocab_16e6.txt.gz` (MIT, OpenAI). Line 0 is a header. The vocabulary
has 49,408 tokens: 256 bytes, 256 bytes at the end of a word, the first 48,894 merges, and two special tokens.
"""

import gzip
import sys
import zipfile
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel

from imagebind_hf import ImageBindTokenizer

VOCAB_SIZE = 49408
SPECIAL_TOKENS = ["<|startoftext|>", "<|endoftext|>"]


def read_merges(wheel: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("bpe_simple_vocab_16e6.txt.gz")]
        lines = gzip.decompress(archive.read(name)).decode().split("\n")
    count = VOCAB_SIZE - 2 * 256 - len(SPECIAL_TOKENS)
    return [tuple(line.split()) for line in lines[1 : count + 1]]


def byte_tokens() -> list[str]:
    """Return the 256 bytes as printable characters, in the order of GPT-2: printable bytes first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    tokens = [chr(byte) for byte in printable]
    tokens += [chr(256 + i) for i in range(256 - len(printable))]
    assert sorted(tokens) == sorted(ByteLevel.alphabet())
    return tokens


if __name__ == "__main__":
    merges = read_merges(Path(sys.argv[1]))
    tokens = byte_tokens()
    tokens += [token + "</w>" for token in tokens] + ["".join(merge) for merge in merges] + SPECIAL_TOKENS
    assert len(tokens) == len(set(tokens)) == VOCAB_SIZE
    tokenizer = ImageBindTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    folder = Path(__file__).parents[1] / "src" / "imagebind_hf" / "models" / "imagebind"
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
