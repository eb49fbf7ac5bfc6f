# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluators of sentence-transformers and tasks of mteb run on a checkpoint; data of their form, made here."""

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as PilImage

sentence_transformers = pytest.importorskip("sentence_transformers")

RNG = np.random.default_rng(0)
TEXTS = [f"number {number}" for number in range(5)]
PICTURES = [PilImage.fromarray(RNG.integers(0, 255, (40, 40, 3), dtype=np.uint8)) for _ in range(5)]


@pytest.fixture(scope="module")
def model(converted):
    return sentence_transformers.SentenceTransformer(str(converted), device="cpu")


@pytest.fixture(scope="module")
def ranks(model) -> np.ndarray:
    """For each text, the rank of the picture of its number."""
    texts, pictures = model.encode(TEXTS, convert_to_tensor=True), model.encode(PICTURES, convert_to_tensor=True)
    scores = torch.nn.functional.normalize(texts, dim=-1) @ torch.nn.functional.normalize(pictures, dim=-1).t()
    return 1 + (scores > scores.diagonal()[:, None]).sum(dim=1).numpy()


def test_information_retrieval_evaluator(model, tmp_path):
    from sentence_transformers.evaluation import InformationRetrievalEvaluator

    queries = {f"q{number}": text for number, text in enumerate(TEXTS)}
    corpus = {f"d{number}": f"the {text}" for number, text in enumerate(TEXTS)}
    evaluator = InformationRetrievalEvaluator(
        queries, corpus, {f"q{number}": {f"d{number}"} for number in range(5)}, accuracy_at_k=[1, 3], name="numbers"
    )
    measured = evaluator(model, output_path=str(tmp_path))
    embeds = [model.encode(list(side.values()), convert_to_tensor=True) for side in (queries, corpus)]
    scores = torch.nn.functional.normalize(embeds[0], dim=-1) @ torch.nn.functional.normalize(embeds[1], dim=-1).t()
    hits = (scores.argmax(dim=1) == torch.arange(5)).float().mean().item()
    assert measured["numbers_cosine_accuracy@1"] == pytest.approx(hits)


def test_mteb_retrieval_of_pictures_by_text(model, ranks):
    mteb = pytest.importorskip("mteb")
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import SentenceTransformerEncoderWrapper

    class NumberedPictures(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="NumberedPictures",
            description="Pictures by their numbers.",
            dataset={"path": "made/here", "revision": "0"},
            type="Any2AnyRetrieval",
            category="t2i",
            modalities=["text", "image"],
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, *args, **kwargs) -> None:
            numbers = range(5)
            queries = Dataset.from_dict({"id": [f"q{number}" for number in numbers], "text": TEXTS})
            corpus = Dataset.from_dict(
                {"id": [f"d{number}" for number in numbers], "image": PICTURES},
                features=Features({"id": Value("string"), "image": Image()}),
            )
            right = {f"q{number}": {f"d{number}": 1} for number in numbers}
            split = {"queries": queries, "corpus": corpus, "relevant_docs": right, "top_ranked": None}
            self.dataset, self.data_loaded = {"default": {"test": split}}, True

    wrapped = SentenceTransformerEncoderWrapper(model)
    # mteb takes a model that it does not know for one of texts only.
    wrapped.mteb_model_meta = wrapped.mteb_model_meta.model_copy(update={"modalities": ["text", "image"]})
    results = mteb.evaluate(wrapped, [NumberedPictures()], cache=None, show_progress_bar=False)
    expected = np.mean(1 / np.log2(1 + ranks))
    assert results.task_results[0].scores["test"][0]["ndcg_at_10"] == pytest.approx(expected, abs=1e-4)
