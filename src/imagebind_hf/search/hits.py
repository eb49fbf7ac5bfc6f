# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Results of a search."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Characters of a text that a line in a terminal shows.
_TEXT_LENGTH = 80


@dataclass(frozen=True)
class Hit:
    """An item that a search has found.

    Args:
        id: Its id.
        score: Its cosine similarity to the query, in [-1, 1].
        modality: Its modality.
        path: The file that contains it. Empty for an item from memory.
        text: The text of a text item.
        thumbnail: A small JPEG, or `None`.
    """

    id: str
    score: float
    modality: str
    path: str = ""
    text: str | None = None
    thumbnail: bytes | None = None

    @property
    def is_file(self) -> bool:
        """Whether the item is a whole file, and not a part of one."""
        return bool(self.path) and self.path == self.id

    def short_name(self) -> str:
        """Return the last two names of the path and the part of the id that follows it."""
        if not self.path:
            return self.id
        return "/".join(Path(self.path).parts[-2:]) + self.id.removeprefix(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return the result without its thumbnail, for JSON."""
        return {
            "id": self.id,
            "score": round(self.score, 6),
            "modality": self.modality,
            "path": self.path or None,
            "text": self.text,
        }

    def to_line(self, rank: int) -> str:
        """Return the result as a line for a terminal."""
        text = "" if self.text is None else "  " + " ".join(self.text.split())[:_TEXT_LENGTH]
        return f"{rank:3} {self.score:6.3f}  {self.modality:7} {self.id}{text}"
