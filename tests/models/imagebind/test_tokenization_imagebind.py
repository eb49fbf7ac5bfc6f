# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import copy
import html
import json
import pickle
import unicodedata

import ftfy
import pytest
import regex
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from conftest import FIXTURES
from imagebind_hf import ImageBindTokenizer

PUBLISHED = json.loads((FIXTURES / "text_tokens.json").read_text(encoding="utf-8"))
TOKENIZER = ImageBindTokenizer()
VOCABULARY = TOKENIZER.get_vocab()
LONG = "a dog and " * 60
START, END = 49406, 49407

# A reference implementation of the published rules with the vocabulary of this package.
MODEL = json.loads(TOKENIZER.backend_tokenizer.to_str())["model"]
RANKS = {tuple(merge): rank for rank, merge in enumerate(MODEL["merges"])}
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
LETTERS = {byte: chr(byte) for byte in PRINTABLE}
LETTERS |= {byte: chr(256 + i) for i, byte in enumerate(sorted(set(range(256)) - set(PRINTABLE)))}
WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def clean(text: str) -> str:
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return regex.sub(r"\s+", " ", text).strip().lower()


def oracle(text: str) -> list[int]:
    ids = [START]
    for word in regex.findall(WORDS, clean(text), regex.IGNORECASE):
        if word in ("<|startoftext|>", "<|endoftext|>"):
            ids.append(VOCABULARY[word])
            continue
        parts = [LETTERS[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while pairs := [pair for pair in zip(parts, parts[1:], strict=False) if pair in RANKS]:
            first, second = min(pairs, key=RANKS.__getitem__)
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == (first, second):
                    parts[i : i + 2] = [first + second]
                i += 1
        ids += [VOCABULARY[part] for part in parts]
    return [*ids[:76], END]


@pytest.mark.parametrize("text, ids", list(zip(*PUBLISHED.values(), strict=True)), ids=range(17))
def test_ids_are_the_published(text, ids):
    encoded = TOKENIZER(text, padding="max_length")
    assert encoded["input_ids"] == ids
    assert encoded["attention_mask"] == [1] * (max(i for i, token in enumerate(ids) if token) + 1) + [0] * ids.count(0)
    assert oracle(text) == [token for token in ids if token], "the reference of the next test"


# Letters with and without accents, Greek, Cyrillic, Arabic, Devanagari, CJK, Hangul, digits, signs, spaces, emoji.
# Without the long s.
CHARACTERS = st.characters(max_codepoint=0x17E) | st.sampled_from(
    "ΑΣσςЖж٣ع४अ①½²ﬁ…—“”’·İẞŉǅ\xa0\u3000\u200b\u0301\u0308漢ハ한🐕"
)
PIECES = [
    "<",
    "&amp;",
    "&lt;b&gt;",
    "&amp;eacute;",
    "&#39;",
    "'s",
    "'LL",
    "don't",
    "ΟΔΟΣ",
    "hello",
    "WORLD",
    "123",
    "\r\n",
]


@given(st.lists(st.text(CHARACTERS, max_size=12) | st.sampled_from(PIECES), max_size=10).map("".join))
@example("it's they'LL 'Ve")
@example("ΟΔΟΣ ΟΔΟΣ")
@example("İstanbul ẞ")
@example("< &amp;eacute; &amp;amp;")
@settings(max_examples=150, deadline=None)
def test_any_text_has_the_published_ids(text):
    # ftfy can turn a wrong encoding into any character: exclude those that a Unicode table may not have, and U+0345.
    known = (unicodedata.ucd_3_2_0.category(character) != "Cn" or character in "ẞ🐕" for character in clean(text))
    assume(all(known) and "\u0345" not in clean(text))
    assert TOKENIZER(text)["input_ids"] == oracle(text)


@pytest.mark.parametrize(
    "text, same_as",
    [
        ("stop.<|endoftext|>", "stop. <|endoftext|>"),
        ("< cafe&#x301;", "< café"),
    ],
)
def test_documented_differences(text, same_as):
    ours = TOKENIZER(text)["input_ids"]
    assert ours != oracle(text) and ours == TOKENIZER(same_as)["input_ids"] == oracle(same_as)


def test_documented_differences_of_single_characters():
    assert TOKENIZER.tokenize("'ſ") == ["'</w>", "Å", "¿</w>"], "an apostrophe, and the two bytes of one letter"
    assert oracle("'ſ")[1] == VOCABULARY["'"]
    assert oracle("a \u0345 b") == oracle("a b") == TOKENIZER("a b")["input_ids"]
    assert len(TOKENIZER("a \u0345 b")["input_ids"]) == 6, "the two bytes of a combining iota"


@pytest.mark.parametrize("options", [{}, {"padding": True}, {"padding": "max_length"}, {"truncation": True}])
@pytest.mark.parametrize("text", [LONG, "! " * 500, "é" * 300, "1" * 76, "1" * 75], ids=range(5))
def test_truncation_to_77(text, options):
    ids = TOKENIZER(text, **options)["input_ids"]
    whole = TOKENIZER(text, truncation=False)["input_ids"]
    assert len(ids) == min(len(whole), 77) and ids[0] == START and ids[-1] == END and ids[:76] == whole[:76]
    short, long = TOKENIZER(["a dog", text], **{"padding": True, **options}, return_tensors="pt")["input_ids"]
    assert long.tolist() == ids and short.tolist() == [START, 320, 1929, END, *[0] * 73]


def test_no_truncation():
    for truncation in (False, "do_not_truncate"):
        assert len(TOKENIZER(LONG, truncation=truncation)["input_ids"]) == 3 * 60 + 2
    assert len(TOKENIZER(LONG)["input_ids"]) == 77, "arguments of one call do not persist"
    assert len(TOKENIZER(LONG, max_length=20)["input_ids"]) == 20
    with pytest.raises(ValueError, match="length"):
        TOKENIZER(["a", LONG], truncation=False, return_tensors="pt")


def test_padding():
    assert TOKENIZER.pad_token_id == 0 and TOKENIZER.model_max_length == 77
    batch = TOKENIZER(["A dog.", "", "a!"], padding=True, return_tensors="pt")
    assert batch["input_ids"].tolist() == [
        [START, 320, 1929, 269, END],
        [START, END, 0, 0, 0],
        [START, 320, VOCABULARY["!</w>"], END, 0],
    ]
    assert batch["attention_mask"].tolist() == [[1] * 5, [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]
    assert TOKENIZER(["a", "b"], padding="max_length", return_tensors="np")["input_ids"].shape == (2, 77)
    assert TOKENIZER("a", padding="max_length", max_length=5)["input_ids"] == [START, 320, END, 0, 0]
    features = [{"input_ids": [START, 320, END]}, {"input_ids": [START, END]}]
    assert TOKENIZER.pad(features, return_tensors="pt")["input_ids"][1].tolist() == [START, END, 0]


def test_batch_equals_each_alone():
    texts = PUBLISHED["texts"]
    batch = TOKENIZER(texts)["input_ids"]
    assert batch == [TOKENIZER(text)["input_ids"] for text in texts]
    assert TOKENIZER(tuple(texts))["input_ids"] == batch


@pytest.mark.parametrize("padding", [False, True, "max_length"])
def test_decode_drops_special_tokens_and_padding(padding):
    texts = ["a photo of a dog", "wow !!", "café & 北京", ""]
    ids = TOKENIZER(texts, padding=padding)["input_ids"]
    assert TOKENIZER.batch_decode(ids, skip_special_tokens=True) == texts
    assert [TOKENIZER.decode(row, skip_special_tokens=True) for row in ids] == texts
    assert [TOKENIZER.decode(torch.tensor(row), skip_special_tokens=True) for row in ids] == texts


def test_decode_keeps_special_tokens():
    assert TOKENIZER.decode(TOKENIZER("a dog")["input_ids"]) == "<|startoftext|>a dog <|endoftext|>"


def test_round_trip(tmp_path):
    TOKENIZER.save_pretrained(tmp_path)
    copies = [
        AutoTokenizer.from_pretrained(tmp_path),
        ImageBindTokenizer.from_pretrained(tmp_path),
        pickle.loads(pickle.dumps(TOKENIZER)),
        copy.deepcopy(TOKENIZER),
    ]
    texts = [*PUBLISHED["texts"], LONG, "ΟΔΟΣ"]
    expected = TOKENIZER(texts, padding=True).data
    for other in copies:
        assert type(other) is ImageBindTokenizer and other.pad_token_id == 0 and other.model_max_length == 77
        assert other(texts, padding=True).data == expected
        assert other.decode(expected["input_ids"][0], skip_special_tokens=True) == "a dog ."


def test_added_tokens_keep_their_case():
    tokenizer = ImageBindTokenizer()
    assert tokenizer.add_special_tokens({"additional_special_tokens": ["<Audio>"]}) == 1
    number = tokenizer.convert_tokens_to_ids("<Audio>")
    assert tokenizer("A <Audio> DOG")["input_ids"] == [START, 320, number, 1929, END]
    assert tokenizer("A <audio> DOG")["input_ids"] == TOKENIZER("a <audio> dog")["input_ids"]


@pytest.mark.parametrize(
    "text, message",
    [
        ([], "empty list of texts"),
        ([[]], "empty list of texts"),
        (None, "You need to specify either `text`"),
        (3, "Expected a text or a list of texts, but got 3"),
        (b"abc", "Expected a text or a list of texts, but got b'abc'"),
        (float("nan"), "Expected a text or a list of texts, but got nan"),
        ([None], "Expected a text or a list of texts, but got None"),
        (["a", 3], "Expected a text or a list of texts, but got 3"),
        ({"text": "a"}, "Expected a text or a list of texts"),
    ],
)
def test_bad_texts(text, message):
    with pytest.raises(ValueError, match=message):
        TOKENIZER(text)
