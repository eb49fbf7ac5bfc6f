# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebind_hf.models.imagebind.audio_utils import clip_bounds, clip_starts, log_mel_fbank


def kaldi(waveform: torch.Tensor, rate: int, bins: int, length: float, shift: float) -> torch.Tensor:
    return torchaudio.compliance.kaldi.fbank(
        waveform[None],
        htk_compat=True,
        sample_frequency=rate,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=bins,
        dither=0.0,
        frame_length=length,
        frame_shift=shift,
    )


@pytest.mark.parametrize(
    "samples, rate, bins, length, shift",
    [
        (32_000, 16_000, 128, 25, 10),
        (400, 16_000, 128, 25, 10),
        (7_777, 16_000, 40, 25, 10),
        (9_000, 8_000, 64, 32, 16),
    ],
)
def test_agrees_with_torchaudio(samples, rate, bins, length, shift):
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.02
    ours = log_mel_fbank(waveform, rate, bins, length, shift)
    torch.testing.assert_close(ours, kaldi(waveform, rate, bins, length, shift), atol=2e-4, rtol=0)


@given(shape=st.lists(st.integers(1, 3), max_size=3), samples=st.integers(400, 3000), scale=st.floats(0, 1e3))
@settings(max_examples=30, deadline=None)
def test_any_batch_shape(shape, samples, scale):
    waveform = torch.randn(*shape, samples, generator=torch.Generator().manual_seed(samples)) * scale
    fbank = log_mel_fbank(waveform)
    assert fbank.shape == (*shape, 1 + (samples - 400) // 160, 128) and torch.isfinite(fbank).all()
    one = waveform.reshape(-1, samples)[-1]
    torch.testing.assert_close(fbank.flatten(0, -3)[-1] if shape else fbank, log_mel_fbank(one), atol=1e-4, rtol=1e-4)


def test_silence_is_finite_and_too_short_is_an_error():
    assert torch.isfinite(log_mel_fbank(torch.zeros(2, 800))).all()
    with pytest.raises(ValueError, match="at least 400 samples, but got 399"):
        log_mel_fbank(torch.zeros(399))


@given(duration=st.floats(0.001, 1e4), clips=st.integers(1, 20), length=st.floats(0.01, 30))
@settings(deadline=None)
def test_clips_are_even_and_inside(duration, clips, length):
    starts = [float(start) for start in clip_starts(duration, clips, length)]
    assert starts[0] == 0 and len(starts) == clips
    assert starts == sorted(starts)
    if clips > 1:
        assert starts[-1] == pytest.approx(max(duration - length, 0), abs=1e-6)
        steps = [b - a for a, b in zip(starts, starts[1:], strict=False)]
        assert max(steps) - min(steps) < 1e-6


def test_clips_of_short_audio_are_the_whole_audio():
    assert clip_bounds(8_000, 16_000, 3, 2.0) == [(0, 8_000)] * 3
    assert clip_bounds(64_000, 16_000, 3, 2.0) == [(0, 32_000), (16_000, 48_000), (32_000, 64_000)]
