# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""For sentence-transformers: depth, thermal and IMU beside the modalities that it knows itself.

`SentenceTransformer(folder)` loads a checkpoint as it is, and encodes text, images, audio and video. With this module
as its first it encodes the others too.
"""

from collections.abc import Sequence
from typing import Any

from sentence_transformers.sentence_transformer.modules import Transformer


class ImageBindTransformer(Transformer):
    r"""sentence-transformers' `Transformer`, which also takes `{"depth": …}`, `{"thermal": …}` and `{"imu": …}`.

    Example:
        >>> from sentence_transformers import SentenceTransformer  # doctest: +SKIP
        >>> from imagebind_hf.integrations.sentence_transformers import ImageBindTransformer  # doctest: +SKIP
        >>> model = SentenceTransformer(modules=[ImageBindTransformer("imagebind-huge")])  # doctest: +SKIP
        >>> model.encode([{"depth": metres}]).shape  # doctest: +SKIP
        (1, 1024)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # What the model has a method for and sentence-transformers does not know; an input is `{modality: item}`.
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
        """Return what is saved: without this module's modalities, which loading adds again."""
        config = super().get_config_dict()
        known = {name: value for name, value in config["modality_config"].items() if name not in self.own_modalities}
        return {**config, "modality_config": known}

    def preprocess(self, inputs: Sequence[Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Prepare a batch of one modality.

        Raises:
            ValueError: If modalities of this module are mixed with others, or the model has no tower for them.
        """
        keys = {next(iter(item)) if isinstance(item, dict) and len(item) == 1 else None for item in inputs}
        if not keys & self.own_modalities:
            return super().preprocess(inputs, *args, **kwargs)
        if len(keys) > 1:
            raise ValueError(f"A batch is of one modality, got {sorted(map(str, keys))}.")
        (modality,) = keys
        features = self.processor(**{modality: [item[modality] for item in inputs]}, return_tensors="pt")
        return {**features, "modality": modality}


__all__ = ["ImageBindTransformer"]
