# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reader of Ego4D: egocentric videos with IMU recordings and narrations."""

import io
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets import ClassLabel, Features, List, Value
from PIL import Image

from ..models.imagebind.media import load_imu
from ..models.imagebind.video import Video, open_video
from ..utils.names import nearest_name
from .folders import Item, Problem, open_folder, read_items, show

METADATA_FILE = "ego4d.json"
NARRATIONS_FILE = "annotations/narration.json"
# Folders of videos. Downscaled videos come first because they decode faster.
VIDEO_FOLDERS = ("video_540ss", "full_scale")
LABELS = ("first", "only")
_SPLITS = ("train", "val", "test")


def load_ego4d(
    data_dir: str | Path,
    split: str = "train",
    *,
    split_by: str = "split_em",
    split_file: str | None = None,
    narrations: str | None = None,
    imu_dir: str | None = None,
    video_dir: str | None = None,
    half_window: float = 5.0,
    num_frames: int = 1,
    frame_size: int | None = 256,
    label: str | None = None,
    clean: bool = True,
    wearer_only: bool = False,
    min_coverage: float = 0.9,
    report: str | Path | None = None,
    num_proc: int | None = None,
) -> datasets.Dataset:
    """Read Ego4D as windows around narrations: IMU readings, frames and text.

    Videos without IMU recordings according to the metadata, which are most of them, are skipped.

    Windows are extracted once and kept on disk, because a video and its CSV file are too long to be read for every
    window of ten seconds. A window takes about 70 kB for the IMU readings, and one or more JPEG files.

    Args:
        data_dir: Folder of Ego4D's download tool, with `ego4d.json`. In this folder or in its subfolders `v1`, `v2`, …
            are `annotations/narration.json`, `imu/UID.csv` and `full_scale/UID.mp4` or `video_540ss/UID.mp4`.
        split: `"train"`, `"val"`, `"test"` or `"all"`. The split of the paper is not published.
        split_by: The Ego4D benchmark that defines the split, as a key of the videos in `ego4d.json` (`split_em`,
            `split_av`, `split_fho`). Videos that are not in this benchmark are in no split.
        split_file: JSON file of the form `{"train": [UID, …], …}` that defines the split instead, relative to
            `data_dir`.
        narrations, imu_dir, video_dir: File or folder, relative to `data_dir`, if it differs from the above.
        half_window: Half the length of a window, in seconds; see [`narration_window`]. The value is from imu2clip, by
            the same team. It is not confirmed for ImageBind.
        num_frames: Number of frames per window, equally spaced. One frame is in a column `image`, several are in a
            column `video`, a list of images. With 0, no videos are needed.
        frame_size: Length of the shorter side to which larger frames are downscaled. `None` keeps their size.
        label: `"first"` adds a column `label` with the first scenario of the video. `"only"` leaves out videos with
            several scenarios. It is not known which of them the paper used.
        clean: Whether to remove the tags of the annotators from the narrations; see [`clean_narration`].
        wearer_only: Whether to leave out narrations about other people (without `#C`).
        min_coverage: Minimum share of a window with readings of both sensors. Some recordings have gaps.
        report: File for the list of items that are left out, one JSON object per line.
        num_proc: Number of processes.

    Returns:
        Data set with the columns `imu`, `image` or `video`, `text`, optionally `label`, `video_uid`, and `start`,
        `end` (of the window) and `time` (of the narration) in seconds of the video. `imu` has `accel` and `gyro` of
        shape `(T, 3)`, in m/s² and rad/s as in the files, and `timestamps` of shape `(T,)`, in seconds from the start
        of the window.

    Raises:
        ValueError: If a file or folder is missing, an argument is out of range, or no item can be read.
        ImportError: If frames are needed and no video decoder is installed.

    Example:
        >>> pairs = load_ego4d("ego4d", "train")  # doctest: +SKIP
        >>> test = load_ego4d("ego4d", "val", num_frames=0, label="only")  # doctest: +SKIP
    """
    if label not in (None, *LABELS):
        raise ValueError(f"Unknown label {label!r}. Choose from {[*LABELS, None]}.")
    if not (0 < half_window < np.inf and num_frames >= 0 and 0 <= min_coverage <= 1):
        raise ValueError(
            f"Expected half_window > 0, num_frames >= 0, min_coverage in [0, 1], but got {half_window}, {num_frames}, "
            f"{min_coverage}."
        )
    root = open_folder(data_dir)
    places = [*sorted(root.glob("v[0-9]*"), reverse=True), root]
    listed = _read_json(root, places, METADATA_FILE).get("videos") or []
    metadata = {video["video_uid"]: video for video in listed}
    told = _read_json(root, places, narrations or NARRATIONS_FILE)
    told = told.get("videos", told)
    chosen = _split(root, metadata, split, split_by, split_file)
    files = {"IMU": _find(root, places, ("imu",) if imu_dir is None else (imu_dir,), ".csv")}
    if num_frames:
        files["video"] = _find(root, places, VIDEO_FOLDERS if video_dir is None else (video_dir,), ".mp4")
    items, problems = [], []
    for uid in sorted(chosen):
        video = metadata.get(uid, {})
        if video.get("has_imu") is False:
            continue
        scenarios = video.get("scenarios") or []
        missing = [what for what, paths in files.items() if uid not in paths]
        missing += ["narration"] if uid not in told else []
        missing += [f"duration in {METADATA_FILE}"] if video.get("duration_sec") is None else []
        if missing:
            problems.append(Problem(uid, f"missing: {', '.join(missing)}"))
        elif label and (not scenarios or (label == "only" and len(scenarios) > 1)):
            problems.append(Problem(uid, f"it has {len(scenarios)} scenarios"))
        else:
            facts = {"uid": uid, "imu": files["IMU"][uid], "video": files["video"][uid] if num_frames else None}
            facts |= {"duration": video["duration_sec"], "label": scenarios[0] if label else None}
            items.append(Item(uid, {**facts, "narrations": _narrations(told[uid])}))
    names = {scenario for video in listed for scenario in video.get("scenarios") or []}
    features = {"imu": {"accel": List(List(Value("float32"))), "gyro": List(List(Value("float32")))}}
    features["imu"]["timestamps"] = List(Value("float32"))
    if num_frames:
        features |= {"image": datasets.Image()} if num_frames == 1 else {"video": List(datasets.Image())}
    features |= {"text": Value("string")} | ({"label": ClassLabel(names=sorted(names))} if label else {})
    features |= {"video_uid": Value("string"), **{name: Value("float64") for name in ("start", "end", "time")}}
    options = {"half_window": half_window, "num_frames": num_frames, "frame_size": frame_size, "clean": clean}
    read = partial(_read, **options, wearer_only=wearer_only, min_coverage=min_coverage)
    # The windows of one video take tens of megabytes of memory.
    return read_items("Ego4D", items, read, Features(features), problems, report, num_proc, batch_size=1)


def narration_window(time: float, duration: float, half_window: float = 5.0) -> tuple[float, float]:
    """Return the window around a narration, as imu2clip (by the same team) defines it.

    Args:
        time: Time of the narration, in seconds.
        duration: Length of the recording, in seconds.
        half_window: Half the length of the window, w.

    Returns:
        Start and end: 0 to 2w if `time <= 2w`, the last 2w seconds if `time + 2w >= duration`, otherwise `time - w` to
        `time + w`. A recording shorter than 2w is one window.

    Raises:
        ValueError: If the time is after the end of the recording, or an argument is not finite.

    Example:
        >>> narration_window(3, 60), narration_window(30, 60), narration_window(52, 60)
        ((0.0, 10.0), (25.0, 35.0), (50.0, 60.0))
    """
    if not np.isfinite([time, duration, half_window]).all() or time > duration:
        raise ValueError(f"Expected a time within the recording of {duration} s, but got {time} s.")
    length = min(2.0 * half_window, duration)
    if time <= 2 * half_window:
        return 0.0, float(length)
    if time + 2 * half_window >= duration:
        return float(duration - length), float(duration)
    return float(time - half_window), float(time + half_window)


def clean_narration(text: str) -> str:
    """Remove the tags of the annotators from a narration.

    Tags such as `#C` (the camera wearer, usually followed by the letter C) and `#O` (another person) are removed;
    `#unsure` becomes "something".

    Example:
        >>> clean_narration("#C C picks a #unsure from the table"), clean_narration("#O A man X laughs.")
        ('picks a something from the table', 'A man X laughs')
    """
    text = re.sub(r"#\s*unsure", " something ", text, flags=re.IGNORECASE)
    text = re.sub(r"#\s*C\s+C\b|#\s*\w+", " ", text, flags=re.IGNORECASE)
    return " ".join(text.split()).strip(" .,;:")


def _read_json(root: Path, places: list[Path], name: str) -> dict[str, Any]:
    path = next((place / name for place in [root, *places] if (place / name).is_file()), None)
    if path is None:
        raise ValueError(f"Expected {name} in the folder of Ego4D or in v1, v2, …, but {show(root)}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"Cannot read {str(path)!r}: {error}") from error


def _split(root: Path, videos: dict[str, dict], split: str, split_by: str, split_file: str | None) -> set[str]:
    """Return the ids of the videos of a split."""
    if split == "all":
        return set(videos)
    if split_file is not None:
        splits = _read_json(root, [], split_file)
        if split not in splits:
            raise ValueError(f"Unknown split {split!r} in {split_file!r}. {nearest_name(split, splits)}")
        return set(splits[split])
    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest_name(split, [*_SPLITS, 'all'])}")
    keys = sorted({key for video in videos.values() for key in video if key.startswith("split_")})
    if split_by not in keys:
        raise ValueError(f"Unknown key {split_by!r} in {METADATA_FILE}. Choose from {keys}, or set split='all'.")
    return {uid for uid, video in videos.items() if video.get(split_by) == split}


def _find(root: Path, places: list[Path], folders: tuple[str, ...], suffix: str) -> dict[str, Path]:
    """Index files by their names without suffix. The newest version and the first folder take precedence."""
    found: dict[str, Path] = {}
    candidates = [place / folder for place in places for folder in folders if (place / folder).is_dir()]
    if not candidates:
        raise ValueError(f"Expected {' or '.join(folders)} in the folder of Ego4D or in v1, v2, …, but {show(root)}.")
    for folder in reversed(candidates):
        found |= {path.stem: path for path in sorted(folder.glob(f"*{suffix}"))}
    return found


def _narrations(told: dict[str, Any]) -> list[list]:
    """Return times and texts of all narrators, sorted by time."""
    passes = [told[key] for key in sorted(told) if key.startswith("narration_pass_")]
    lines = [line for entry in passes for line in (entry or {}).get("narrations") or []]
    pairs = [[line.get("timestamp_sec"), line.get("narration_text") or ""] for line in lines]
    return sorted(pairs, key=lambda pair: (pair[0] is None, pair[0] or 0))


def _read(
    uid: str,
    imu: str,
    video: str | None,
    duration: float,
    label: str | None,
    narrations: list[list],
    half_window: float,
    num_frames: int,
    frame_size: int | None,
    clean: bool,
    wearer_only: bool,
    min_coverage: float,
) -> Iterator[dict | Problem]:
    signal = load_imu(imu)
    opened = open_video(video) if num_frames else None
    for time, told in narrations:
        if wearer_only and "#c" not in told.lower():
            continue
        text = clean_narration(told) if clean else told.strip()
        try:
            if time is None or not text:
                raise ValueError("the narration has no time or no text")
            start, end = narration_window(time, duration, half_window)
            row = {"imu": _cut(signal, start, end, min_coverage), "text": text, "label": label, "video_uid": uid}
            if opened is not None:
                frames = _frames(opened, start, end, num_frames, frame_size)
                row |= {"image": frames[0]} if num_frames == 1 else {"video": frames}
            yield {**row, "start": start, "end": end, "time": time}
        except ValueError as error:
            yield Problem(f"{uid} at {time} s", str(error))


def _cut(signal: dict[str, np.ndarray], start: float, end: float, min_coverage: float) -> dict[str, np.ndarray]:
    """Extract a window of a recording. Raise a ValueError if it has too few readings."""
    times = signal["timestamps"]
    first, last = np.searchsorted(times, [start, end])
    window = {name: signal[name][:, first:last].T for name in ("accel", "gyro")}
    # The median ignores gaps and readings with equal timestamps.
    step = np.median(np.diff(times)) if len(times) > 1 else 0.0
    readings = np.isfinite(np.hstack(list(window.values()))).all(axis=1).sum()
    coverage = min(readings * step / (end - start), 1.0) if readings else 0.0
    # A tolerance of half a percent, because a window may start between two readings.
    if coverage + 0.005 < min_coverage or not readings:
        raise ValueError(f"readings cover only {coverage:.0%} of the window from {start:g} s to {end:g} s")
    return {**window, "timestamps": (times[first:last] - start).astype(np.float32)}


def _frames(video: Video, start: float, end: float, count: int, size: int | None) -> list[dict]:
    """Extract frames of a window as JPEG files in memory."""
    files = []
    for part in range(count):
        time = start + (end - start) * (part + 0.5) / count
        number = round(time * video.fps)
        if number >= video.num_frames:
            raise ValueError(f"the video ends before {time:g} s")
        picture = Image.fromarray(video.read([number])[0].transpose(1, 2, 0))
        if size is not None and min(picture.size) > size:
            scale = size / min(picture.size)
            picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.BICUBIC)
        file = io.BytesIO()
        picture.save(file, format="JPEG", quality=95)
        files.append({"bytes": file.getvalue(), "path": None})
    return files
