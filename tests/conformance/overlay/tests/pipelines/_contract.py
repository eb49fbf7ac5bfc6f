"""Pipeline tests with the interface of `PipelineTesterMixin`. The sdist does not contain those of transformers."""

import numpy as np
from transformers.pipelines import pipeline as build


def _images(n=2):
    from PIL import Image

    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)) for _ in range(n)]


def _parts(tokenizer=None, image_processor=None, feature_extractor=None, processor=None):
    parts = {
        "tokenizer": tokenizer,
        "image_processor": image_processor,
        "feature_extractor": feature_extractor,
        "processor": processor,
    }
    return {k: v for k, v in parts.items() if v is not None}


class ContractTests:
    task = None

    def call_kwargs(self):
        return {}

    def get_test_pipeline(
        self, model, tokenizer=None, image_processor=None, feature_extractor=None, processor=None, dtype="float32"
    ):
        parts = _parts(tokenizer, image_processor, feature_extractor, processor)
        pipe = build(self.task, model=model, dtype=dtype, **parts)
        kwargs = self.call_kwargs()
        if kwargs:
            original = pipe.__class__.__call__
            pipe.__class__ = type(
                pipe.__class__.__name__,
                (pipe.__class__,),
                {"__call__": lambda self, *a, **k: original(self, *a, **{**kwargs, **k})},
            )
        return pipe, self.examples()

    def run_pipeline_test(self, pipe, examples):
        for example in examples:
            self.check(pipe(example))

    def check(self, output):
        assert output


class ZeroShot(ContractTests):
    labels = ["a", "b", "c"]

    def call_kwargs(self):
        return {"candidate_labels": self.labels}

    def check(self, output):
        assert {o["label"] for o in output} == set(self.labels), output
        scores = [o["score"] for o in output]
        assert scores == sorted(scores, reverse=True), output
        assert abs(sum(scores) - 1) < 1e-2, output
