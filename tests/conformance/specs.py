# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The common tests of transformers for each class of this package, and the skipped tests with reasons."""

from typing import Any

import numpy as np
from suites import (
    feature_extractor_suite,
    image_processor_suite,
    model_suite,
    pipeline_suite,
    processor_suite,
    tokenizer_suite,
    video_processor_suite,
)
from tests.test_modeling_common import floats_tensor, ids_tensor
from tests.test_video_processing_common import prepare_video_inputs

import imagebind_hf as ib

BATCH_SIZE = 3
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
PATCHES = {**TOWER, "image_size": 30, "patch_size": 10}
# By modality: configuration, number of tokens, whether attention has an additional key, inputs.
TEXT = {**TOWER, "vocab_size": 99, "bos_token_id": 97, "eos_token_id": 98}
TOWERS: dict[str, tuple[dict[str, Any], int, bool, Any]] = {
    "text": (TEXT, 7, False, lambda: {"input_ids": text_ids()}),
    "vision": (PATCHES, 10, False, lambda: {"pixel_values": floats_tensor([BATCH_SIZE, 3, 30, 30])}),
    "audio": (
        {**TOWER, "num_mel_bins": 16, "num_frames": 20, "patch_size": 4, "patch_stride": 4},
        21,
        True,
        lambda: {"input_features": floats_tensor([BATCH_SIZE, 16, 20])},
    ),
    "depth": (PATCHES, 10, True, lambda: {"pixel_values_depth": floats_tensor([BATCH_SIZE, 1, 30, 30])}),
    "thermal": (PATCHES, 10, True, lambda: {"pixel_values_thermal": floats_tensor([BATCH_SIZE, 1, 30, 30])}),
    "imu": ({**TOWER, "num_samples": 80}, 11, True, lambda: {"imu_values": floats_tensor([BATCH_SIZE, 6, 80])}),
}


def text_ids() -> Any:
    """Return random tokens that end with the end token, where texts are pooled."""
    ids = ids_tensor([BATCH_SIZE, 7], 90)
    ids[:, -1] = 98
    return ids


class TowerTester:
    """The attributes for `ModelTesterMixin`, for one tower."""

    modality: str
    batch_size = BATCH_SIZE
    is_training = False
    num_hidden_layers = TOWER["num_hidden_layers"]
    num_attention_heads = TOWER["num_attention_heads"]
    hidden_size = TOWER["hidden_size"]

    def __init__(self, parent: Any = None):
        self.parent = parent
        self.values, self.seq_length, has_extra_key, self.inputs = TOWERS[self.modality]
        self.key_length = self.seq_length + has_extra_key

    def get_config(self) -> Any:
        return getattr(ib, f"ImageBind{self.modality.title()}Config")(**self.values)

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, Any]]:
        return self.get_config(), self.inputs()


def composite_config(**kwargs: Any) -> ib.ImageBindConfig:
    """Return a configuration with all towers."""
    return ib.ImageBindConfig(
        projection_dim=16, **{f"{name}_config": dict(values) for name, (values, *_) in TOWERS.items()}, **kwargs
    )


def pipeline_config() -> ib.ImageBindConfig:
    """Return a configuration with all towers and the whole vocabulary of CLIP."""
    return ib.ImageBindConfig(**{**composite_config().to_dict(), "text_config": dict(TOWER)})


class ProjectionTester(TowerTester):
    """One tower with its projection."""

    def __init__(self, parent: Any = None):
        super().__init__(parent)
        self.video_model_tester = VideoTowerTester(parent)

    def get_config(self) -> Any:
        return composite_config(modalities=[self.modality])


class VideoTowerTester(TowerTester):
    """The vision tower with one view of two frames as input."""

    modality = "vision"

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, Any]]:
        return self.get_config(), {"pixel_values_videos": floats_tensor([BATCH_SIZE, 2, 3, 30, 30])}


class FullTester:
    """All towers together."""

    batch_size = BATCH_SIZE
    is_training = True

    def __init__(self, parent: Any = None):
        self.parent = parent
        for modality in TOWERS:
            setattr(self, f"{modality}_model_tester", tower_tester(TowerTester, modality)(parent))
        self.video_model_tester = VideoTowerTester(parent)

    def get_config(self) -> Any:
        return composite_config()

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, Any]]:
        return self.get_config(), {name: value for *_, make in TOWERS.values() for name, value in make().items()}


def tower_tester(base: type, modality: str) -> type:
    """Create a tester for one modality."""
    return type(f"{modality.title()}Tester", (base,), {"modality": modality})


TRAINING = (
    "test_training",
    "test_training_gradient_checkpointing",
    "test_training_gradient_checkpointing_use_reentrant_false",
    "test_training_gradient_checkpointing_use_reentrant_true",
)
INPUTS_EMBEDS = dict.fromkeys(("test_inputs_embeds", "test_inputs_embeds_matches_input_ids"), "no inputs_embeds")
TOWER_SKIPS = {**dict.fromkeys(TRAINING, "a tower alone has no loss"), **INPUTS_EMBEDS}
NO_TOKENS = {"test_model_get_set_embeddings": "the input embedding is not a table of tokens"}
COMPOSITE_SKIPS = {
    **dict.fromkeys(
        ("test_hidden_states_output", "test_attention_outputs", "test_retain_grad_hidden_states_attentions"),
        "hidden states are in the outputs of the towers and tested there",
    ),
    "test_load_save_without_tied_weights": "expects one file; weights are sharded by modality",
    **INPUTS_EMBEDS,
    **NO_TOKENS,
}


def other_features(modality: str) -> dict[str, str]:
    """Return the tests of the features of other modalities, for which a single tower raises an error."""
    tower_of = {"text": "text", "image": "vision", "video": "vision", "audio": "audio"}
    return {
        f"test_get_{name}_features_{what}": "has one tower"
        for name, tower in tower_of.items()
        if tower != modality
        for what in ("output", "hidden_states", "attentions")
    }


def tower_suites() -> list[type]:
    """Return the suites of both classes of each tower."""
    suites = []
    for modality in TOWERS:
        own = {} if modality == "text" else NO_TOKENS
        name = f"ImageBind{modality.title()}Model"
        suites.append(
            model_suite(
                f"{name}Test",
                tower_tester(TowerTester, modality),
                getattr(ib, name),
                config_arguments={"has_text_modality": modality == "text", "hidden_size": 48},
                skips={**TOWER_SKIPS, **own},
            )
        )
        suites.append(
            model_suite(
                f"{name}WithProjectionTest",
                tower_tester(ProjectionTester, modality),
                getattr(ib, f"{name}WithProjection"),
                is_composite=True,
                skips={**TOWER_SKIPS, **COMPOSITE_SKIPS, **other_features(modality)},
            )
        )
    return suites


class AudioTester:
    """The attributes for `SequenceFeatureExtractionTestMixin`."""

    batch_size, min_seq_length, max_seq_length, feature_size, padding_value, sampling_rate = (
        4,
        400,
        2000,
        1,
        0.0,
        16000,
    )
    seq_length_diff = (2000 - 400) // 3

    def __init__(self, parent: Any = None):
        self.parent = parent

    def prepare_feat_extract_dict(self) -> dict[str, Any]:
        return {"feature_size": 1, "sampling_rate": 16000, "padding_value": 0.0}

    def prepare_inputs_for_common(self, equal_length: bool = False, numpify: bool = False) -> list:
        rng = np.random.default_rng(0)
        lengths = [2000] * 4 if equal_length else list(range(400, 2000, self.seq_length_diff))[:4]
        inputs = [rng.random(length).tolist() for length in lengths]
        return [np.asarray(values) for values in inputs] if numpify else inputs


class ImuTester:
    """The attributes for `FeatureExtractionSavingTestMixin`."""

    def __init__(self, parent: Any = None):
        self.parent = parent

    def prepare_feat_extract_dict(self) -> dict[str, Any]:
        return {"num_samples": 100}


def prepare_for_class(self: Any, inputs: dict[str, Any], model_class: type, return_labels: bool = False) -> dict:
    """Request a loss where the common tests request labels: only these batches have more than one item."""
    return {**inputs, "return_loss": True} if return_labels else dict(inputs)


class VideoTester:
    """The attributes for `VideoProcessingTestMixin`."""

    batch_size, num_frames, num_channels = 5, 8, 3
    min_resolution, max_resolution = 30, 80
    crop_size = {"height": 18, "width": 18}

    def __init__(self, parent: Any = None):
        self.parent = parent

    def prepare_video_processor_dict(self) -> dict[str, Any]:
        return {"size": {"shortest_edge": 20}, "crop_size": self.crop_size, "do_normalize": True}

    def expected_output_video_shape(self, videos: Any) -> tuple[int, ...]:
        return 15, 2, self.num_channels, 18, 18

    def prepare_video_inputs(self, equal_resolution: bool = False, return_tensors: str = "pil") -> list:
        return prepare_video_inputs(
            batch_size=self.batch_size,
            num_frames=self.num_frames,
            num_channels=self.num_channels,
            min_resolution=self.min_resolution,
            max_resolution=self.max_resolution,
            equal_resolution=equal_resolution,
            return_tensors=return_tensors,
        )


SIZES = {"size": {"shortest_edge": 20}, "crop_size": {"height": 18, "width": 18}}

SUITES = [
    *tower_suites(),
    model_suite(
        "ImageBindModelTest",
        FullTester,
        ib.ImageBindModel,
        config_arguments={"has_text_modality": False, "common_properties": ["projection_dim"]},
        is_composite=True,
        attributes={
            "_prepare_for_class": prepare_for_class,
            "additional_model_inputs": [
                "input_ids",
                "input_features",
                "pixel_values_depth",
                "pixel_values_thermal",
                "imu_values",
            ],
        },
        skips=COMPOSITE_SKIPS,
    ),
    feature_extractor_suite("AudioFeatureTest", ib.ImageBindFeatureExtractor, AudioTester, is_sequence=True),
    feature_extractor_suite("ImuFeatureTest", ib.ImageBindImuFeatureExtractor, ImuTester, is_sequence=False),
    image_processor_suite("ImageTest", ib.ImageBindImageProcessor, ib.ImageBindImageProcessorPil, SIZES),
    video_processor_suite(
        "VideoTest",
        ib.ImageBindVideoProcessor,
        VideoTester,
        skips={
            "test_call_numpy_4_channels": "expects (frames, channels, H, W), without clips",
            "test_call_sample_frames": "expects num_frames of the whole video; this processor samples clips",
        },
    ),
    tokenizer_suite(
        "TokenizerTest",
        ib.ImageBindTokenizer,
        attributes={"test_seq2seq": False},
        skips={
            "test_maximum_encoding_length_pair_input": "texts are truncated unless truncation=False",
            "test_maximum_encoding_length_single_input": "texts are truncated unless truncation=False",
            "test_padding_to_multiple_of": "the maximum length, 77, is not a multiple",
            "test_tokenizers_common_ids_setters": "padding is always the id 0",
        },
    ),
    processor_suite(
        "ProcessorTest",
        ib.ImageBindProcessor,
        {
            "image_processor": ib.ImageBindImageProcessor,
            "feature_extractor": ib.ImageBindFeatureExtractor,
            "tokenizer": ib.ImageBindTokenizer,
            "video_processor": ib.ImageBindVideoProcessor,
            "depth_image_processor": ib.ImageBindDepthImageProcessor,
            "thermal_image_processor": ib.ImageBindThermalImageProcessor,
            "imu_feature_extractor": ib.ImageBindImuFeatureExtractor,
        },
        {"depth": np.ones((40, 50)), "thermal": np.ones((40, 50)), "imu": np.zeros((6, 200))},
        skips={
            "test_processor_text_has_no_visual": "an empty list of images is an error: it would misalign the batch"
        },
    ),
    pipeline_suite(
        "PipelineTest",
        ("zero-shot-audio-classification", "zero-shot-image-classification", "image-feature-extraction"),
        lambda: ib.ImageBindModel(pipeline_config()),
        lambda: ib.ImageBindProcessor.from_config(pipeline_config()),
    ),
]
