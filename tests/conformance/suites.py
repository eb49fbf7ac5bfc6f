# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Factories that create test cases from the classes of this package and the common mixins of transformers.

`skips` maps the name of a test to the reason for skipping it. This includes parametrized versions of the test. A name
that does not exist is an error.
"""

import atexit
import shutil
import tempfile
import unittest
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_TEMPORARY = Path(tempfile.mkdtemp(prefix="conformance-"))
atexit.register(shutil.rmtree, _TEMPORARY, ignore_errors=True)

Skips = Mapping[str, str]


def load(module: str) -> dict[str, type]:
    """Return the test cases of `specs` by name, with another module name."""
    import specs

    for case in specs.SUITES:
        case.__module__ = module
    return {case.__name__: case for case in specs.SUITES}


def _finish(name: str, bases: tuple[type, ...], namespace: Mapping[str, Any], skips: Skips | None) -> type:
    case = type(name, bases, dict(namespace))
    for test, reason in (skips or {}).items():
        names = [own for own in dir(case) if own == test or own.removeprefix(test + "_")[:1].isdigit()]
        if not names:
            raise ValueError(f"{name}: Expected the name of a test to skip, but got {test!r}.")
        for own in names:
            setattr(case, own, unittest.skip(reason)(lambda self: None))
    return case


def model_suite(
    name: str,
    tester: type,
    model_class: type,
    *,
    config_arguments: Mapping[str, Any] | None = None,
    is_composite: bool = False,
    attributes: Mapping[str, Any] | None = None,
    skips: Skips | None = None,
) -> type:
    """Test a model with `ModelTesterMixin`, and with `config_arguments` also its configuration."""
    from tests.test_configuration_common import ConfigTester
    from tests.test_modeling_common import ModelTesterMixin

    def set_up(self: Any) -> None:
        self.model_tester = tester(self)
        if config_arguments is not None:
            self.config_tester = ConfigTester(
                self, config_class=type(self.model_tester.get_config()), **config_arguments
            )

    namespace = {
        "all_model_classes": (model_class,),
        "test_resize_embeddings": False,
        "_is_composite": is_composite,
        "setUp": set_up,
        **(attributes or {}),
    }
    if config_arguments is not None:
        namespace["test_config"] = lambda self: self.config_tester.run_common_tests()
    return _finish(name, (ModelTesterMixin, unittest.TestCase), namespace, skips)


def feature_extractor_suite(
    name: str, extractor_class: type, tester: type, *, is_sequence: bool, skips: Skips | None = None
) -> type:
    """Test a feature extractor with `SequenceFeatureExtractionTestMixin`, or with its tests of saving and loading."""
    from tests.test_feature_extraction_common import FeatureExtractionSavingTestMixin
    from tests.test_sequence_feature_extraction_common import SequenceFeatureExtractionTestMixin

    def set_up(self: Any) -> None:
        self.feat_extract_tester = tester(self)

    namespace: dict[str, Any] = {"feature_extraction_class": extractor_class, "setUp": set_up}
    if not is_sequence:
        namespace["feat_extract_dict"] = property(lambda self: self.feat_extract_tester.prepare_feat_extract_dict())
    base = SequenceFeatureExtractionTestMixin if is_sequence else FeatureExtractionSavingTestMixin
    return _finish(name, (base, unittest.TestCase), namespace, skips)


def image_processor_suite(
    name: str,
    torchvision: type,
    pil: type,
    arguments: Mapping[str, Any],
    *,
    skips: Skips | None = None,
) -> type:
    """Test both back ends of an image processor with `ImageProcessingTestMixin`."""
    from tests.test_image_processing_common import ImageProcessingTester, ImageProcessingTestMixin

    classes = {"pil": pil, "torchvision": torchvision}

    class Tester(ImageProcessingTester):
        def __init__(self, parent: Any, **overrides: Any):
            values = {"batch_size": 7, "num_channels": 3, "min_resolution": 30, "max_resolution": 400}
            self.parent = parent
            self.image_processing_classes = dict(classes)
            for key, value in {**values, **arguments, **overrides}.items():
                setattr(self, key, value)

        def prepare_image_processor_dict(self) -> dict[str, Any]:
            return dict(arguments)

    def set_up(self: Any) -> None:
        self.image_processor_tester = Tester(self)

    namespace = {
        "image_processor_tester_class": Tester,
        "image_processing_classes": dict(classes),
        "image_processor_dict": property(lambda self: self.image_processor_tester.prepare_image_processor_dict()),
        "setUp": set_up,
    }
    return _finish(name, (ImageProcessingTestMixin, unittest.TestCase), namespace, skips)


def video_processor_suite(name: str, processor_class: type, tester: type, *, skips: Skips | None = None) -> type:
    """Test a video processor with `VideoProcessingTestMixin`."""
    from tests.test_video_processing_common import VideoProcessingTestMixin

    def set_up(self: Any) -> None:
        VideoProcessingTestMixin.setUp(self)
        self.video_processor_tester = tester(self)

    namespace = {
        "fast_video_processing_class": processor_class,
        "setUp": set_up,
        "video_processor_dict": property(lambda self: self.video_processor_tester.prepare_video_processor_dict()),
    }
    return _finish(name, (VideoProcessingTestMixin, unittest.TestCase), namespace, skips)


def tokenizer_suite(
    name: str,
    tokenizer_class: type,
    *,
    attributes: Mapping[str, Any] | None = None,
    skips: Skips | None = None,
) -> type:
    """Test a tokenizer with `TokenizerTesterMixin`."""
    from tests.test_tokenization_common import TokenizerTesterMixin

    folder = _TEMPORARY / name
    tokenizer_class().save_pretrained(folder)
    namespace = {"tokenizer_class": tokenizer_class, "from_pretrained_id": [str(folder)], **(attributes or {})}
    return _finish(name, (TokenizerTesterMixin, unittest.TestCase), namespace, skips)


def processor_suite(
    name: str,
    processor_class: type,
    parts: Mapping[str, Callable[[], Any]],
    own_inputs: Mapping[str, Any],
    *,
    skips: Skips | None = None,
) -> type:
    """Test a processor with `ProcessorTesterMixin`.

    The mixin knows text, images, videos and audio; for the other parts of ours, what it does by their Auto classes is
    done here by their own. `own_inputs` are the arguments for those parts.
    """
    from tests.test_processing_common import ProcessorTesterMixin
    from transformers.processing_utils import MODALITY_TO_AUTOPROCESSOR_MAPPING

    def get_component(self: Any, attribute: str, use_tiny_ckpt: bool = True, **kwargs: Any) -> Any:
        if attribute in MODALITY_TO_AUTOPROCESSOR_MAPPING or "tokenizer" in attribute:
            return ProcessorTesterMixin.get_component(self, attribute, use_tiny_ckpt, **kwargs)
        component = getattr(self.get_processor(use_tiny_ckpt), attribute)
        return type(component)(**{**component.to_dict(), **kwargs})

    def test_model_input_names(self: Any) -> None:
        processor = self.get_processor()
        inputs = {
            "text": self.prepare_text_inputs(modalities=["image", "video", "audio"]),
            "images": self.prepare_images_inputs(),
            "videos": self.prepare_videos_inputs(),
            "audio": self.prepare_audio_inputs(),
            "do_sample_frames": False,
        }
        outputs = processor(**inputs, **own_inputs, return_tensors="pt")
        self.assertSetEqual(set(outputs.keys()), set(processor.model_input_names))

    def test_nested_dict(self: Any) -> None:
        processor = self.get_processor()
        with tempfile.TemporaryDirectory() as folder:
            saved_files = processor.save_pretrained(folder)
            reloaded = self.processor_class.from_pretrained(folder)
            self.assertEqual(reloaded.to_dict(), processor.to_dict())
            for attribute in processor.get_attributes():
                # The repr of a tokenizer contains its path.
                if "tokenizer" not in attribute:
                    self.assertEqual(repr(getattr(reloaded, attribute)), repr(getattr(processor, attribute)))
            self.assertEqual(len(saved_files), 1)

    namespace = {
        "processor_class": processor_class,
        "get_component": get_component,
        "prepare_processor_dict": staticmethod(dict),
        "test_model_input_names": test_model_input_names,
        "test_processor_from_and_save_pretrained_as_nested_dict": test_nested_dict,
    }
    for attribute, make in parts.items():
        namespace[f"_setup_{attribute}"] = classmethod(lambda cls, make=make: make())
    return _finish(name, (ProcessorTesterMixin, unittest.TestCase), namespace, skips)


def pipeline_suite(name: str, tasks: tuple[str, ...], make_model: Callable[[], Any], make_processor: Any) -> type:
    """Test a checkpoint with the pipelines of `PipelineTesterMixin`."""
    import transformers
    from tests import test_pipeline_mixin as mixin

    model, processor = make_model(), make_processor()
    model_class, model_type = type(model), model.config.model_type
    folder = _TEMPORARY / model_type / model_class.__name__
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    parts = [processor.image_processor, processor.feature_extractor]
    for part in parts:
        part.save_pretrained(folder)
    mixin.tiny_model_summary[model_class.__name__] = {
        "tokenizer_classes": [type(processor.tokenizer).__name__],
        "processor_classes": [type(part).__name__ for part in parts],
    }
    # The mixin looks up classes by name in the transformers module.
    for part in (processor, processor.tokenizer, *parts):
        for module in (transformers, mixin.transformers_module):
            setattr(module, type(part).__name__, type(part))
    mixin.PROCESSOR_MAPPING_NAMES.setdefault(model_type, type(processor).__name__)
    mixin.TRANSFORMERS_TINY_MODEL_PATH = str(_TEMPORARY)
    # Otherwise the mixin compares the tasks of transformers with those of huggingface_hub.
    mixin.task_to_pipeline_and_spec_mapping.clear()
    namespace = {"pipeline_model_mapping": dict.fromkeys(tasks, (model_class,))}
    case = _finish(name, (mixin.PipelineTesterMixin, unittest.TestCase), namespace, None)
    wanted = {f"test_pipeline_{task.replace('-', '_')}" for task in tasks}
    for test in dir(case):
        if test.startswith("test_pipeline_") and test.removesuffix("_fp16") not in wanted:
            setattr(case, test, None)
    return case
