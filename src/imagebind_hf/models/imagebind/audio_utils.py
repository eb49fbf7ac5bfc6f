# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Kaldi's log-mel filter banks for batches on any device, and the plan of clips."""

from fractions import Fraction
from functools import lru_cache

import torch
import torchaudio

# Kaldi's defaults, which the published implementation leaves as they are.
PREEMPHASIS = 0.97
LOW_FREQUENCY = 20.0
EPSILON = torch.finfo(torch.float32).eps


# Frames that are computed together on a CPU: so many stay in its cache, which makes it twice as fast as all at once.
CHUNK_FRAMES = 800
# Mel banks that are multiplied together: each group with the frequencies that it covers, a quarter of all products.
BANK_GROUPS = 4


@lru_cache(maxsize=16)
def _window_and_banks(
    num_mel_bins: int, sampling_rate: int, window_size: int, padded_size: int, device: torch.device
) -> tuple[torch.Tensor, list[tuple[slice, slice, torch.Tensor]]]:
    """Return the window, `(window_size,)`, and groups of mel banks: their places, their frequencies, their weights.

    A frequency counts twice, for the real and for the imaginary part, as a spectrum lies in memory.
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
    """Compute log-mel filter banks as `torchaudio.compliance.kaldi.fbank` does, for a whole batch at once.

    The settings are ImageBind's: Hanning window, HTK-compatible, no energy, no dither; DC offset removed per frame.

    Args:
        waveform (`torch.Tensor` of shape `(..., samples)`): Float waveforms, at least one frame long.
        sampling_rate (`int`): In Hz.
        num_mel_bins (`int`): Number of mel bins.
        frame_length, frame_shift (`float`): In milliseconds.

    Returns:
        `torch.Tensor` of shape `(..., frames, num_mel_bins)`, `frames = 1 + (samples - window) // shift`, float32,
        without a gradient.

    Raises:
        ValueError: If the waveform is shorter than a frame.
    """
    window_size = int(sampling_rate * frame_length / 1000)
    shift = int(sampling_rate * frame_shift / 1000)
    if waveform.shape[-1] < window_size:
        raise ValueError(f"A waveform of {waveform.shape[-1]} samples is shorter than a frame of {window_size}.")
    padded_size = 1 << (window_size - 1).bit_length()
    window, groups = _window_and_banks(num_mel_bins, sampling_rate, window_size, padded_size, waveform.device)
    frames = waveform.float().unfold(-1, window_size, shift)
    shape = (*frames.shape[:-1], num_mel_bins)
    frames = frames.reshape(-1, *frames.shape[-2:])
    count = frames.shape[1]
    features = torch.empty(len(frames) * count, num_mel_bins, device=waveform.device)
    step = max(CHUNK_FRAMES // count, 1) if waveform.device.type == "cpu" else len(frames)
    # Written again by each chunk: what memory is new, the system has to clear first.
    centered = frames.new_empty(min(step, len(frames)), count, window_size)
    windowed = frames.new_zeros(*centered.shape[:2], padded_size)
    spectrum = frames.new_empty(*centered.shape[:2], padded_size // 2 + 1, dtype=torch.complex64)
    for start in range(0, len(frames), step):
        chunk = frames[start : start + step]
        size = len(chunk)
        torch.sub(chunk, chunk.mean(dim=-1, keepdim=True), out=centered[:size])
        # x[t] - .97 x[t-1]. A frame's first sample has no predecessor; the window is 0 there.
        emphasized = windowed[:size, :, 1:window_size]
        torch.mul(centered[:size, :, :-1], -PREEMPHASIS, out=emphasized)
        emphasized.add_(centered[:size, :, 1:]).mul_(window[1:])
        torch.fft.rfft(windowed[:size], out=spectrum[:size])
        squares = torch.view_as_real(spectrum[:size]).flatten(0, 1).flatten(1).square_()
        for place, covered, weights in groups:
            # Also adds the squares of the two parts, which makes the power.
            torch.mm(squares[:, covered], weights, out=features[start * count : (start + size) * count, place])
    return features.clamp_(min=EPSILON).log_().view(shape)


def clip_bounds(num_samples: int, sampling_rate: int, num_clips: int, clip_duration: float) -> list[tuple[int, int]]:
    """Plan clips of equal length, spread evenly from start to end; they overlap where the sound is short.

    Args:
        num_samples (`int`): Length of the sound.
        sampling_rate (`int`): In Hz.
        num_clips (`int`): Number of clips.
        clip_duration (`float`): Length of a clip in seconds.

    Returns:
        First and last sample (exclusive) of each clip. A sound shorter than a clip gives equal clips, all of it.
    """
    return [
        (int(start * sampling_rate), min(int((start + Fraction(clip_duration)) * sampling_rate), num_samples))
        for start in clip_starts(num_samples / sampling_rate, num_clips, clip_duration)
    ]


def clip_starts(duration: float, num_clips: int, clip_duration: float) -> list[Fraction]:
    """Spread clips evenly over a duration; all start at 0 where it is shorter than a clip.

    Args:
        duration (`float`): Length of the whole in seconds.
        num_clips (`int`): Number of clips.
        clip_duration (`float`): Length of a clip in seconds.

    Returns:
        The starts in seconds, as exact fractions: positions are rounded only where samples or frames are counted.
    """
    spare = Fraction(max(duration - clip_duration, 0))
    return [spare * clip / max(num_clips - 1, 1) for clip in range(num_clips)]
