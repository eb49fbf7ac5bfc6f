# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Generators of the images and signals of six digits.

The constants are chosen so that the items of a class vary and the classes can be distinguished.
"""

import io
from functools import cache
from types import ModuleType

import numpy as np

from ..utils.extras import needs_extra

SIDE = 64  # pixels
AUDIO_RATE = 16_000  # Hz
IMU_RATE, IMU_SAMPLES = 200, 2000  # Hz; 10 s
GRAVITY = 9.80665  # m/s²

# Frequencies of the dial tones (ITU-T Q.23), in Hz.
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
DIAL_TONES = {digit: (_ROWS[(digit - 1) // 3], _COLUMNS[(digit - 1) % 3]) for digit in range(1, 10)}
DIAL_TONES[0] = (_ROWS[3], _COLUMNS[1])

# Points of the path of a pen in the unit square, with x to the right and y up.
_PATHS = {
    0: [(0.5, 1.0), (0.15, 0.8), (0.1, 0.4), (0.4, 0.0), (0.8, 0.2), (0.9, 0.65), (0.65, 0.95), (0.5, 1.0)],
    1: [(0.3, 0.75), (0.55, 1.0), (0.55, 0.5), (0.55, 0.0)],
    2: [(0.15, 0.75), (0.4, 1.0), (0.8, 0.85), (0.7, 0.5), (0.15, 0.0), (0.5, 0.05), (0.9, 0.0)],
    3: [(0.2, 0.9), (0.6, 1.0), (0.8, 0.75), (0.4, 0.52), (0.85, 0.3), (0.6, 0.0), (0.15, 0.1)],
    4: [(0.6, 1.0), (0.15, 0.35), (0.9, 0.35), (0.7, 0.7), (0.7, 0.0)],
    5: [(0.85, 1.0), (0.25, 1.0), (0.2, 0.55), (0.6, 0.6), (0.85, 0.3), (0.55, 0.0), (0.15, 0.1)],
    6: [(0.75, 1.0), (0.3, 0.7), (0.15, 0.25), (0.5, 0.0), (0.85, 0.25), (0.5, 0.5), (0.2, 0.3)],
    7: [(0.1, 1.0), (0.5, 1.0), (0.9, 1.0), (0.6, 0.5), (0.35, 0.0)],
    8: [(0.5, 0.5), (0.2, 0.8), (0.5, 1.0), (0.8, 0.8), (0.5, 0.5), (0.15, 0.2), (0.5, 0.0), (0.85, 0.2), (0.5, 0.5)],
    9: [(0.8, 0.8), (0.5, 1.0), (0.2, 0.75), (0.5, 0.5), (0.8, 0.8), (0.75, 0.4), (0.6, 0.0)],
}  # fmt: skip


@cache
def _ndimage() -> ModuleType:
    with needs_extra("demo"):
        from scipy import ndimage
    return ndimage


def draw_mask(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Upscale an 8x8 digit with a small random rotation, scale and shift, to `(64, 64)` in [0, 1]."""
    angle = np.deg2rad(rng.uniform(-8, 8))
    step = 8 / SIDE / rng.uniform(0.85, 1.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * step
    center = (SIDE - 1) / 2 + rng.uniform(-3, 3, size=2)
    # Output pixel p is the value of the padded digit at turn @ (p - center) + 4.5, where 4.5 is its center.
    mask = _ndimage().affine_transform(
        np.pad(digit, 1), turn, offset=4.5 - turn @ center, output_shape=(SIDE, SIDE), order=3
    )
    mask = np.clip((mask - 0.2) / 0.5, 0, 1)
    return mask * mask * (3 - 2 * mask)


def _texture(rng: np.random.Generator, smoothness: float) -> np.ndarray:
    """Return smooth noise with unit standard deviation, of shape `(64, 64)`."""
    noise = _ndimage().gaussian_filter(rng.standard_normal((SIDE, SIDE)), smoothness, mode="wrap")
    return noise / noise.std()


def _slope(rng: np.random.Generator) -> np.ndarray:
    """Return a linear gradient in a random direction, from about -0.5 to 0.5, of shape `(64, 64)`."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) - 0.5
    return np.cos(angle) * x + np.sin(angle) * y


def draw_image(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a light digit on a dark background in random colors; uint8 of shape `(64, 64, 3)`."""
    luma = np.array([0.299, 0.587, 0.114])
    ground, ink = rng.uniform(0.05, 0.5, size=3), rng.uniform(0.4, 1, size=3)
    while (ink - ground) @ luma < 0.35:
        ink = rng.uniform(0.4, 1, size=3)
    shade = 0.25 * _slope(rng) + 0.05 * _texture(rng, rng.uniform(1, 4))
    canvas = ground + shade[..., None] * rng.uniform(0.6, 1.0, size=3)
    canvas = canvas * (1 - mask[..., None]) + ink * mask[..., None]
    canvas += 0.02 * rng.standard_normal(canvas.shape)
    return (np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def draw_depth(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Render the depth map of a digit in relief on a slanted wall; millimeters, uint16 of shape `(64, 64)`."""
    distance = rng.uniform(0.5, 1.2)
    wall = distance + 0.06 * distance * _slope(rng)
    depth = wall - rng.uniform(0.12, 0.2) * _ndimage().gaussian_filter(mask, 0.7)
    # The noise of structured-light sensors grows with the square of the distance.
    depth += 0.003 * distance**2 * rng.standard_normal(depth.shape)
    return np.round(1000 * depth).astype(np.uint16)


def draw_thermal(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Render the warm trace of a finger, which is older and cooler at the top; uint8 of shape `(64, 64)`."""
    ambient = rng.uniform(50, 110) + 15 * _slope(rng) + 2 * _texture(rng, 3)
    age = np.linspace(1, 0, SIDE)[:, None]
    warmth = _ndimage().gaussian_filter(mask, rng.uniform(1.0, 2.2)) * np.exp(-rng.uniform(0.2, 0.9) * age)
    picture = ambient + rng.uniform(60, 120) * warmth + 2 * rng.standard_normal(mask.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def dial(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Generate the dial tone of a digit with noise; float32, one second at 16 kHz."""
    times = np.arange(AUDIO_RATE) / AUDIO_RATE
    duration = rng.uniform(0.3, 0.7)
    start = rng.uniform(0.02, 0.98 - duration)
    # A ramp of 5 ms avoids clicks.
    envelope = np.clip(np.minimum(times - start, start + duration - times) / 0.005, 0, 1)
    tone = sum(
        rng.uniform(0.7, 1.0) * np.sin(2 * np.pi * frequency * times + rng.uniform(0, 2 * np.pi))
        for frequency in DIAL_TONES[digit]
    )
    noise = _ndimage().gaussian_filter1d(rng.standard_normal(AUDIO_RATE), rng.uniform(0.3, 2.0))
    level = rng.uniform(0.1, 0.4)
    wave = level * (envelope * tone + rng.uniform(0.02, 0.3) * noise / noise.std())
    return np.clip(wave, -1, 1).astype(np.float32)


def encode_wav(wave: np.ndarray) -> bytes:
    """Encode a waveform as a 16-bit WAV file."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, wave, AUDIO_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def write_in_air(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate a phone that writes a digit; float32 of shape `(6, 2000)`: accelerometer m/s², gyroscope rad/s."""
    points = np.array(_PATHS[digit]) + 0.03 * rng.standard_normal((len(_PATHS[digit]), 2))
    points = (points - 0.5) * rng.uniform(0.25, 0.4)  # metres
    points[:, 0] = points[:, 0] * rng.uniform(0.8, 1.1) + rng.uniform(-0.15, 0.15) * points[:, 1]
    length = int(rng.uniform(3.0, 6.0) * IMU_RATE)
    start = int(rng.uniform(0.5, 1.5) * IMU_RATE)

    # The hand accelerates and decelerates smoothly, and varies its speed in between.
    pace = np.sin(np.linspace(0, np.pi, length)) ** 0.5 * np.exp(0.2 * _wander(length, rng))
    progress = np.cumsum(pace) / pace.sum()
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    path = np.stack([np.interp(progress * along[-1], along, axis) for axis in points.T])
    whole = np.concatenate(
        [np.repeat(path[:, :1], start, 1), path, np.repeat(path[:, -1:], IMU_SAMPLES - start - length, 1)], axis=1
    )
    whole = _ndimage().gaussian_filter1d(whole, 0.1 * IMU_RATE, axis=1, mode="nearest")
    velocity = np.gradient(whole, 1 / IMU_RATE, axis=1)
    acceleration = np.gradient(velocity, 1 / IMU_RATE, axis=1)

    # The phone is upright with a small tilt. The wrist rotates with the movement.
    pitch, roll = np.deg2rad(rng.uniform(-12, 12, size=2))
    gravity = GRAVITY * np.array([np.sin(roll), np.cos(roll) * np.cos(pitch), np.sin(pitch)])
    accel = np.stack([*acceleration, np.zeros(IMU_SAMPLES)]) + gravity[:, None]
    turn = rng.uniform(1.2, 2.0)  # rad/m
    gyro = np.stack([-turn * velocity[1], turn * velocity[0], 0.3 * turn * (velocity[0] - velocity[1])])
    signal = np.concatenate([accel, gyro])
    noise = np.array([0.04, 0.04, 0.04, 0.01, 0.01, 0.01])[:, None]
    return (signal + noise * rng.standard_normal(signal.shape)).astype(np.float32)


def _wander(length: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random curve with unit standard deviation."""
    curve = _ndimage().gaussian_filter1d(rng.standard_normal(length), 0.3 * IMU_RATE)
    return curve / max(curve.std(), 1e-6)
