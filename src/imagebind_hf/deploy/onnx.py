# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Export each modality to ONNX, from the output of the processor to the normalized embedding."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, AutoProcessor

from ..models.imagebind.configuration_imagebind import ImageBindTextConfig
from ..models.imagebind.modeling_imagebind import ImageBindModel

# Largest accepted difference between the components of unit vectors of ONNX Runtime and of PyTorch.
TOLERANCE = 1e-4


class _Embedding(nn.Module):
    """A module with one input that returns the embedding of a modality."""

    def __init__(self, model: ImageBindModel, modality: str):
        super().__init__()
        self.model, self.modality = model, modality

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.model._features(self.modality, values, pooled_only=True).pooler_output


def export_onnx(
    model: str | ImageBindModel,
    output: str | Path,
    modalities: Sequence[str] | None = None,
    int8: bool = False,
) -> dict[str, Path]:
    """Export each modality to an ONNX file, and compare it with PyTorch in ONNX Runtime.

    The inputs are the outputs of the processor: `input_ids` `(B, T)`, `pixel_values` `(B, 3, H, W)`,
    `pixel_values_videos` `(B, views, frames, 3, H, W)`, `input_features` `(B, clips, mels, frames)`, and so on. The
    batch size, the numbers of views and clips, and the length of texts are dynamic. The output `embeds` has the shape
    `(B, projection_dim)`.

    Args:
        model: Folder or Hub id of a checkpoint, or a model. A copy in float32 is exported.
        output: Folder for `<modality>.onnx`, and for the processor of a checkpoint. Weights of more than 2 GB are
            written to an additional file.
        modalities: Modalities to export, all by default.
        int8: Also write `<modality>.int8.onnx`, with dynamic quantization of matrix products to 8 bits.

    Returns:
        The files by name: `<modality>` and `<modality>.int8`.

    Raises:
        ImportError: If onnx, onnxscript or onnxruntime is missing.
        ValueError: If the model does not have a modality, or the outputs of a file differ from those of the model.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError("Exporting needs ONNX: `pip install imagebind-hf[onnx]`.") from error
    output = Path(output)
    processor = None
    if not isinstance(model, ImageBindModel):
        processor = AutoProcessor.from_pretrained(model)
        model = AutoModel.from_pretrained(model)
    else:
        # The type, device and mode of the given model do not change.
        model = deepcopy(model)
    model = model.float().cpu().eval()
    names = list(model.inputs) if modalities is None else list(modalities)
    unknown = [name for name in names if name not in model.inputs]
    if unknown:
        raise ValueError(f"The model has no modalities {unknown}. It has {list(model.inputs)}.")
    output.mkdir(parents=True, exist_ok=True)
    files = {}
    for modality in names:
        example, shapes = _example(model, modality)
        module = _Embedding(model, modality).eval()
        name = model.inputs[modality].model_argument
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            dynamic_shapes=(shapes,),
            input_names=[name],
            output_names=["embeds"],
            verbose=False,
        )
        files[modality] = output / f"{modality}.onnx"
        program.save(files[modality])
        session = onnxruntime.InferenceSession(files[modality], providers=["CPUExecutionProvider"])
        for values in (example, example[:1]):
            with torch.no_grad():
                expected = module(values)
            difference = (torch.from_numpy(session.run(None, {name: values.numpy()})[0]) - expected).abs().max().item()
            if not difference <= TOLERANCE:
                raise ValueError(
                    f"{files[modality]} differs from the model by {difference:.1e}, more than {TOLERANCE}."
                )
        if int8:
            files[f"{modality}.int8"] = _quantize(files[modality])
    if processor is not None:
        processor.save_pretrained(output)
    return files


def _example(model: ImageBindModel, modality: str) -> tuple[torch.Tensor, dict[int, Any]]:
    """Return an example input of a modality, and its dynamic axes."""
    tower, ndim = model.inputs[modality].tower, model.inputs[modality].ndim
    config = model.config.tower_configs[tower]
    generator = torch.Generator().manual_seed(0)
    shapes: dict[int, Any] = {0: torch.export.Dim("batch", min=1)}
    if isinstance(config, ImageBindTextConfig):
        ids = torch.randint(1, config.vocab_size - 2, (2, 8), generator=generator)
        ids[:, 0], ids[:, -1] = config.bos_token_id, config.vocab_size - 1
        return ids, {**shapes, 1: torch.export.Dim("length", min=2, max=config.max_position_embeddings)}
    if tower == "vision":
        size = (config.num_channels, config.image_size, config.image_size)
        size = (config.num_frames, *size) if modality == "video" else size
    elif hasattr(config, "num_samples"):
        size = (config.num_channels, config.num_samples)
    else:
        size = config.input_size if ndim == 3 else (config.num_channels, *config.input_size)
    if modality in ("video", "audio"):
        # The processor returns several views or clips.
        return torch.randn(2, 3, *size, generator=generator), {**shapes, 1: torch.export.Dim("clips", min=1)}
    return torch.randn(2, *size, generator=generator), shapes


def _quantize(file: Path) -> Path:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(file)
    # The exporter records shapes of intermediate values from before it transposed weights. The quantizer rejects them.
    model.graph.ClearField("value_info")
    quantized = file.with_suffix(".int8.onnx")
    is_large = model.ByteSize() > 2**31 - 1
    quantize_dynamic(
        model,
        quantized,
        weight_type=QuantType.QInt8,
        # 7 bits for the weights: CPUs without VNNI add products of 8 bits in 16 bits, which overflows.
        reduce_range=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        use_external_data_format=is_large,
    )
    return quantized
