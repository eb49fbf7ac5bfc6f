# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Kaldi's log-mel filter banks for batches on any device, and the positions of clips."""

from fractions import Fraction
from functools import lru_cache

import torch
import torchaudio

# Defaults of Kaldi, which the original implementation uses.
PREEMPHASIS = 0.97
LOW_FREQUENCY = 20.0
EPSILON = torch.finfo(torch.float32).eps

# Number of frames that are computed together on a CPU. They fit in its cache, which doubles the speed.
CHUNK_FRAMES = 800
# Number of groups of mel banks. Each group is multiplied only with its own frequencies, which saves three quarters of
# the products.
BANK_GROUPS = 4


@lru_cache(maxsize=16)
def _window_and_banks(
    num_mel_bins: int, sampling_rate: int, window_size: int, padded_size: int, device: torch.device
) -> tuple[torch.Tensor, list[tuple[slice, slice, torch.Tensor]]]:
    """Return the window, `(window_size,)`, and groups of mel banks: their bins, their frequencies, their weights.

    Each frequency has two rows, for the real and the imaginary part, which is the memory layout of a spectrum.
    """
    window = torch.hann_window(window_size, periodic=False)
    banks, _ = torchaudio.compliance.kaldi.get_mel_banks(
        num_mel_bins, padded_size, sampling_rate, LOW_FREQUENCY, 0.0, 100.0, -500.0, 1.0
    )
    groups = []
    for bins in torch.arange(num_mel_bins).tensor_split(BANK_GROUPS):
        if len(bins):
            weights = banks[bins].t()
            covered = weights.any(dim=1).nonzero()[:, 0]
            low, high = (int(covered[0]), int(covered[-1]) + 1) if len(covered) else (0, 1)
            place = slice(int(bins[0]), int(bins[-1]) + 1)
            weights = weights[low:high].repeat_interleave(2, dim=0)
            groups.append((place, slice(2 * low, 2 * high), weights.to(device)))
    return window.to(device), groups


@torch.no_grad()
def log_mel_fbank(
    waveform: torch.Tensor,
    sampling_rate: int = 16_000,
    num_mel_bins: int = 128,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
) -> torch.Tensor:
    """Compute log-mel filter banks for a batch, equivalent to `torchaudio.compliance.kaldi.fbank`.

    The settings are those of ImageBind: Hanning window, HTK-compatible, no energy, no dither, DC offset removed per
    frame.

    Args:
        waveform (`torch.Tensor` of shape `(..., samples)`): Float waveforms with at least one window.
        sampling_rate (`int`): Sampling rate in Hz.
        num_mel_bins (`int`): Number of mel bins.
        frame_length, frame_shift (`float`): Window length and shift in milliseconds.

    Returns:
        `torch.Tensor` of shape `(..., frames, num_mel_bins)`, `frames = 1 + (samples - window) // shift`, float32,
        without a gradient.

    Raises:
        ValueError: If the waveform is shorter than a window.
    """
    window_size = int(sampling_rate * frame_length / 1000)
    shift = int(sampling_rate * frame_shift / 1000)
    if waveform.shape[-1] < window_size:
        raise ValueError(f"Expected a waveform with at least {window_size} samples, but got {waveform.shape[-1]}.")
    padded_size = 1 << (window_size - 1).bit_length()
    window, groups = _window_and_banks(num_mel_bins, sampling_rate, window_size, padded_size, waveform.device)
    frames = waveform.float().unfold(-1, window_size, shift)
    shape = (*frames.shape[:-1], num_mel_bins)
    frames = frames.reshape(-1, *frames.shape[-2:])
    count = frames.shape[1]
    features = torch.empty(len(frames) * count, num_mel_bins, device=waveform.device)
    step = max(CHUNK_FRAMES // count, 1) if waveform.device.type == "cpu" else len(frames)
    # Reused by all chunks, because the system clears newly allocated memory first.
    centered = frames.new_empty(min(step, len(frames)), count, window_size)
    windowed = frames.new_zeros(*centered.shape[:2], padded_size)
    spectrum = frames.new_empty(*centered.shape[:2], padded_size // 2 + 1, dtype=torch.complex64)
    for start in range(0, len(frames), step):
        chunk = frames[start : start + step]
        size = len(chunk)
        torch.sub(chunk, chunk.mean(dim=-1, keepdim=True), out=centered[:size])
        # x[t] - 0.97 x[t-1]. The first sample of a frame has no predecessor, but the window is 0 there.
        emphasized = windowed[:size, :, 1:window_size]
        torch.mul(centered[:size, :, :-1], -PREEMPHASIS, out=emphasized)
        emphasized.add_(centered[:size, :, 1:]).mul_(window[1:])
        torch.fft.rfft(windowed[:size], out=spectrum[:size])
        squares = torch.view_as_real(spectrum[:size]).flatten(0, 1).flatten(1).square_()
        for place, covered, weights in groups:
            # This also adds the squares of the real and imaginary parts, which gives the power.
            torch.mm(squares[:, covered], weights, out=features[start * count : (start + size) * count, place])
    return features.clamp_(min=EPSILON).log_().view(shape)


def clip_bounds(num_samples: int, sampling_rate: int, num_clips: int, clip_duration: float) -> list[tuple[int, int]]:
    """Return the positions of evenly spaced clips, which overlap in short recordings.

    Args:
        num_samples (`int`): Number of samples of the recording.
        sampling_rate (`int`): Sampling rate in Hz.
        num_clips (`int`): Number of clips.
        clip_duration (`float`): Length of a clip in seconds.

    Returns:
        Start and end (exclusive) of each clip in samples. If the recording is shorter than a clip, all clips are the
        whole recording.
    """
    return [
        (int(start * sampling_rate), min(int((start + Fraction(clip_duration)) * sampling_rate), num_samples))
        for start in clip_starts(num_samples / sampling_rate, num_clips, clip_duration)
    ]


def clip_starts(duration: float, num_clips: int, clip_duration: float) -> list[Fraction]:
    """Return the start times of evenly spaced clips: all 0 if the recording is shorter than a clip.

    Args:
        duration (`float`): Duration of the recording in seconds.
        num_clips (`int`): Number of clips.
        clip_duration (`float`): Length of a clip in seconds.

    Returns:
        Start times in seconds as exact fractions, so that only the conversion to samples or frames rounds.
    """
    last_start = Fraction(max(duration - clip_duration, 0))
    return [last_start * clip / max(num_clips - 1, 1) for clip in range(num_clips)]
