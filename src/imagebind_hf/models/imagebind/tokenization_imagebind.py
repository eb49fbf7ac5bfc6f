# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""CLIP's byte-pair tokenizer with the text cleaning, padding and length of ImageBind."""

import html
import json
import os
import re
from importlib import resources
from typing import Any

import ftfy
from transformers import BatchEncoding, CLIPTokenizer

# The file of CLIP has 4 MB. The limit prevents untrusted files from filling the memory.
_MAX_FILE_SIZE = 64 * 2**20


class ImageBindTokenizer(CLIPTokenizer):
    r"""Tokenizes texts for ImageBind: at most 77 ids, including start and end token, padded with 0 on the right.

    Texts are cleaned as in the original implementation (ftfy, HTML entities twice, white space, lower case) and
    truncated to 75 tokens between start and end unless `truncation=False`.

    The ids are those of the original implementation, with the exception of a few rare cases that depend on the
    tokenizers library: a literal `<|startoftext|>` or `<|endoftext|>` is a special token also after punctuation;
    accents written as HTML entities are composed with their letter; `'ſ` is two tokens; a combining iota (U+0345) is
    kept; and characters that only one of the two Unicode tables contains may differ.

    Args:
        vocab (`dict[str, int]`, *optional*): The vocabulary. Defaults to the one of CLIP, which is part of this
            package.
        merges (`list`, *optional*): The merges of the vocabulary.
        **kwargs: See [`~transformers.CLIPTokenizer`].

    Example:
        >>> from imagebind_hf import ImageBindTokenizer
        >>> tokenizer = ImageBindTokenizer()
        >>> tokenizer(["A dog.", "A car"], padding=True)["input_ids"]
        [[49406, 320, 1929, 269, 49407], [49406, 320, 1615, 49407, 0]]
    """

    def __init__(
        self, vocab: str | dict[str, int] | None = None, merges: str | list[str] | None = None, **kwargs: Any
    ):
        if vocab is None:
            asset = resources.files("imagebind_hf.models.imagebind") / "tokenizer.json"
            model = json.loads(asset.read_text(encoding="utf-8"))["model"]
            vocab, merges = model["vocab"], [tuple(merge) for merge in model["merges"]]
        kwargs.setdefault("model_max_length", 77)
        # Otherwise these arguments of `from_pretrained` are saved with the tokenizer.
        for name in ("is_local", "local_files_only"):
            kwargs.pop(name, None)
        super().__init__(vocab=vocab, merges=merges, **kwargs)

    @classmethod
    def _from_pretrained(
        cls, resolved_vocab_files: dict[str, str | None], *args: Any, **kwargs: Any
    ) -> "ImageBindTokenizer":
        for path in resolved_vocab_files.values():
            size = os.path.getsize(path) if path is not None else 0
            if size > _MAX_FILE_SIZE:
                raise ValueError(
                    f"Expected a tokenizer with at most {_MAX_FILE_SIZE:,} bytes, but {path!r} has {size:,}."
                )
        return super()._from_pretrained(resolved_vocab_files, *args, **kwargs)

    @property
    def pad_token_id(self) -> int:
        """The id 0, as in the original implementation. It is also the id of "!", which is not a special token."""
        return 0

    def _get_padding_truncation_strategies(self, *args: Any, truncation: Any = None, **kwargs: Any) -> tuple:
        # The model has no more positions, and pipelines only set `padding`.
        truncation = True if truncation is None else truncation
        return super()._get_padding_truncation_strategies(*args, truncation=truncation, **kwargs)

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        text_pair = None if text_pair is None else self._clean(text_pair)
        return super()._encode_plus(self._clean(text), text_pair, **kwargs)

    def _decode(self, token_ids: Any, skip_special_tokens: bool = False, **kwargs: Any) -> str:
        # Padding after the end token would be decoded to exclamation marks.
        if skip_special_tokens and isinstance(token_ids, list) and self.eos_token_id in token_ids:
            token_ids = token_ids[: token_ids.index(self.eos_token_id)]
        # Replace the suffix at the ends of words here: the base class loses its decoder when it is copied or pickled.
        return (
            super()._decode(token_ids, skip_special_tokens=skip_special_tokens, **kwargs).replace("</w>", " ").strip()
        )

    def _clean(self, text: Any) -> Any:
        """Clean a text or each text of a list."""
        if isinstance(text, (list, tuple)):
            if not text:
                raise ValueError("Got an empty list of texts.")
            return type(text)([self._clean(item) for item in text])
        if not isinstance(text, str):
            raise ValueError(f"Expected a text or a list of texts, but got {text!r}.")
        text = " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())
        # Rust's lower case differs from Python's (final sigma). Added tokens keep their case.
        kept = [re.escape(token) for token in self.get_added_vocab() if token != token.lower()]
        if not kept:
            return text.lower()
        parts = re.split("(" + "|".join(kept) + ")", text)
        return "".join(part if i % 2 else part.lower() for i, part in enumerate(parts))


__all__ = ["ImageBindTokenizer"]
