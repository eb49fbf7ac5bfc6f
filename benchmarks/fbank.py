# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The batched filter bank, compared with a loop over torchaudio's, on 64 clips of two seconds.

python benchmarks/fbank.py
"""

import torch
import torchaudio
from timing import compare, make_parser, record

from imagebind_hf.models.imagebind.audio_utils import log_mel_fbank


def loop(waveforms: torch.Tensor) -> torch.Tensor:
    """Compute the filter banks clip by clip, as the original implementation does."""
    banks = [
        torchaudio.compliance.kaldi.fbank(
            waveform[None],
            htk_compat=True,
            sample_frequency=16_000,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=128,
            dither=0.0,
            frame_length=25,
            frame_shift=10,
        )
        for waveform in waveforms
    ]
    return torch.stack(banks)


def main() -> None:
    parser = make_parser(__doc__)
    parser.set_defaults(repeats=25)
    arguments = parser.parse_args()
    clips, samples = (64, 32_000) if arguments.size == "huge" else (2, 3_200)
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    difference = (log_mel_fbank(waveforms) - loop(waveforms)).abs().max().item()
    result = compare(lambda: log_mel_fbank(waveforms), lambda: loop(waveforms), arguments.repeats)
    record(
        "fbank",
        f"""
## Filter banks of {clips} clips

| `log_mel_fbank`, one batch | `torchaudio.compliance.kaldi.fbank`, a loop | speed-up |
|---|---|---|
{result}

Largest difference between the log-mel values: {difference:.1e}.
""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
