# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""CLIP's byte-pair tokenizer, with the cleaning, the padding and the length of the published ImageBind."""

import html
import json
from importlib import resources
from typing import Any

import ftfy
from transformers import BatchEncoding, CLIPTokenizer


class ImageBindTokenizer(CLIPTokenizer):
    r"""Tokenizes texts for ImageBind: at most 77 ids, start and end token included, padded with 0 on the right.

    Texts are cleaned as the published tokenizer does (ftfy, HTML entities twice, white space, lower case) and cut to
    75 tokens between start and end unless `truncation=False`.

    Args:
        vocab (`dict[str, int]`, *optional*): The vocabulary; CLIP's, which the package carries, by default.
        merges (`list`, *optional*): The merges that go with it.
        **kwargs: As for [`~transformers.CLIPTokenizer`].

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
            asset = resources.files("imagebind_hf") / "assets" / "tokenizer.json"
            model = json.loads(asset.read_text(encoding="utf-8"))["model"]
            vocab, merges = model["vocab"], [tuple(merge) for merge in model["merges"]]
        kwargs.setdefault("model_max_length", 77)
        super().__init__(vocab=vocab, merges=merges, **kwargs)

    @property
    def pad_token_id(self) -> int:
        """The id 0, as published. It is that of "!" too, which therefore cannot be made a special token."""
        return 0

    def __call__(self, *args: Any, **kwargs: Any) -> BatchEncoding:
        """Tokenize; arguments as for any tokenizer, but `truncation` is on unless it is said otherwise."""
        kwargs.setdefault("truncation", True)
        return super().__call__(*args, **kwargs)

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        return super()._encode_plus(_clean(text), _clean(text_pair), **kwargs)


def _clean(text: Any) -> Any:
    """Clean a text, or every text in a list; what is neither is left to the checks that follow."""
    if isinstance(text, (list, tuple)):
        return [_clean(item) for item in text]
    if not isinstance(text, str):
        return text
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


__all__ = ["ImageBindTokenizer"]
