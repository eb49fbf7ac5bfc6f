# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth, thermal, IMU and extra modalities for sentence-transformers.

`SentenceTransformer(folder)` loads any checkpoint, and encodes text, images, audio and video. With
[`ImageBindTransformer`] as its first module, it also encodes the other modalities.
"""

from collections.abc import Sequence
from typing import Any

from sentence_transformers.sentence_transformer.modules import Transformer


class ImageBindTransformer(Transformer):
    r"""A `Transformer` module that also encodes `{"depth": …}`, `{"thermal": …}`, `{"imu": …}` and extra modalities.

    Example:
        >>> from sentence_transformers import SentenceTransformer  # doctest: +SKIP
        >>> from imagebind_hf.integrations.sentence_transformers import ImageBindTransformer  # doctest: +SKIP
        >>> model = SentenceTransformer(modules=[ImageBindTransformer("imagebind-huge")])  # doctest: +SKIP
        >>> model.encode([{"depth": meters}]).shape  # doctest: +SKIP
        (1, 1024)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # Modalities that the model embeds and sentence-transformers does not support. Inputs are `{modality: value}`.
        self.own_modalities = {
            modality
            for modality in self.model.inputs
            if modality not in self.modality_config and hasattr(self.model, f"get_{modality}_features")
        }
        for modality in self.own_modalities:
            self.modality_config[modality] = {
                "method": f"get_{modality}_features",
                "method_output_name": "pooler_output",
            }

    def get_config_dict(self) -> dict[str, Any]:
        """Return the configuration to save, without the modalities that `__init__` adds."""
        config = super().get_config_dict()
        known = {name: value for name, value in config["modality_config"].items() if name not in self.own_modalities}
        return {**config, "modality_config": known}

    def preprocess(self, inputs: Sequence[Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Preprocess a batch of one modality.

        Raises:
            ValueError: If a batch mixes modalities of this class with others.
        """
        keys = {next(iter(item)) if isinstance(item, dict) and len(item) == 1 else None for item in inputs}
        if not keys & self.own_modalities:
            return super().preprocess(inputs, *args, **kwargs)
        if len(keys) > 1:
            raise ValueError(f"Expected a batch of one modality, but got {sorted(map(str, keys))}.")
        (modality,) = keys
        features = self.processor(**{modality: [item[modality] for item in inputs]}, return_tensors="pt")
        return {**features, "modality": modality}


__all__ = ["ImageBindTransformer"]
