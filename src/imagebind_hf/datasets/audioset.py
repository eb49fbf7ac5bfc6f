# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reader of AudioSet: ten-second clips of YouTube videos with labels of sound events."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import datasets
from datasets import ClassLabel, Features, List, Value
from transformers.utils import logging

from ..models.imagebind.media import load_audio, load_image
from ..models.imagebind.video import open_video
from ..utils.names import nearest_name
from .folders import Item, Problem, open_folder, read_items, show, walk

logger = logging.get_logger(__name__)

LABELS_FILE = "class_labels_indices.csv"
_BALANCED, _UNBALANCED = "balanced_train_segments.csv", "unbalanced_train_segments.csv"
_SPLITS = {
    "train": (_BALANCED, _UNBALANCED),
    "balanced_train": (_BALANCED,),
    "unbalanced_train": (_UNBALANCED,),
    "test": ("eval_segments.csv",),
}
_SUFFIXES = {
    # Formats that soundfile reads.
    "audio": (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"),
    "video": (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v"),
    "image": (".jpg", ".jpeg", ".png"),
}
_READ = {"audio": load_audio, "video": open_video, "image": load_image}
_FEATURES = {"audio": datasets.Audio(decode=False), "video": datasets.Video(decode=False), "image": datasets.Image()}


def load_audioset(
    data_dir: str | Path,
    split: str = "train",
    *,
    clip_dir: str | None = None,
    audio_dir: str | None = None,
    frame_dir: str | None = None,
    segments: str | None = None,
    anchor: str | None = "auto",
    check: bool = True,
    report: str | Path | None = None,
    num_proc: int | None = None,
) -> datasets.Dataset:
    """Read AudioSet as pairs of videos (or frames) and audio.

    The name of a clip, or of the folder that contains it, consists of the YouTube id and optionally the segment: `ID`,
    `YID`, `ID_start`, `ID_start_end` or `ID_start-end`, in seconds (`30`, `30.0`, `30.000`, `000030`) or milliseconds
    (`30000`). Audio must be in files that soundfile reads. If you have only videos, extract their audio to the same
    folder or to `audio_dir`: `ffmpeg -i ID.mp4 -vn -ac 1 -ar 16000 ID.flac`.

    Args:
        data_dir: Folder that contains, at any level, the published lists (`balanced_train_segments.csv`,
            `unbalanced_train_segments.csv`, `eval_segments.csv`; `class_labels_indices.csv`) and the clips.
        split: `"balanced_train"`, `"unbalanced_train"`, `"train"` (both, or the existing one) or `"test"` (the
            evaluation set).
        clip_dir: Folder of the clips, relative to `data_dir`. Defaults to `data_dir` itself.
        audio_dir: Folder of the audio files, if it differs from `clip_dir`.
        frame_dir: Folder of frames of the clips, with the names of the clips. The middle one of several is used.
        segments: List of segments to use instead of the list of the split, in the same format, relative to `data_dir`.
        anchor: The other side of the pairs: `"image"` (from `frame_dir`), `"video"`, or `None` for audio only. Clips
            without an anchor are left out. `"auto"` is image if there is a `frame_dir`, else video if there are any.
        check: Whether to read every file once.
        report: File for the list of items that are left out, one JSON object per line.
        num_proc: Number of processes.

    Returns:
        Data set with the columns `audio` and, depending on `anchor`, `image` or `video`, not decoded; `labels`, a list
        of class numbers; `video_id`; `start` and `end` of the segment in the video, in seconds.

    Raises:
        ValueError: If a list is missing, the split or the anchor is unknown, or no item can be read.
        ImportError: If videos are to be checked and no video decoder is installed.

    Example:
        >>> pairs = load_audioset("audioset", "balanced_train", frame_dir="frames")  # doctest: +SKIP
        >>> test = load_audioset("audioset", "test", anchor=None)  # doctest: +SKIP
    """
    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest_name(split, _SPLITS)}")
    if anchor not in ("auto", "image", "video", None):
        raise ValueError(f"Unknown anchor {anchor!r}. Choose from ['auto', 'image', 'video', None].")
    if anchor == "image" and frame_dir is None:
        raise ValueError("Expected `frame_dir`, because the anchor is image.")
    root = open_folder(data_dir)
    tables = {path.name: path for path in walk(root, [".csv"])}
    lists = _find_lists(root, tables, split, segments)
    names = _read_names(tables, root)
    kind = ("video" if frame_dir is None else "image") if anchor == "auto" else anchor
    clips = open_folder(root, clip_dir)
    folders = {"audio": open_folder(root, audio_dir) if audio_dir else clips, "video": clips}
    if kind == "image":
        folders["image"] = open_folder(root, frame_dir)
    found = {kind: _index(folders[kind], kind) for kind in ["audio", *([kind] if kind else [])]}
    if anchor == "auto" and not found[kind]:
        del found[kind]
    items, problems = [], []
    for path in lists:
        for number, line in _read_lines(path):
            try:
                items.append(_item(line, found, names))
            except ValueError as error:
                problems.append(Problem(line[0] if line else f"{path.name}, line {number}", str(error)))
    features = Features(
        {
            **{kind: _FEATURES[kind] for kind in found},
            "labels": List(ClassLabel(names=list(names.values()))),
            "video_id": Value("string"),
            "start": Value("float64"),
            "end": Value("float64"),
        }
    )
    read = partial(_read, kinds=list(found), check=check)
    return read_items("AudioSet", items, read, features, problems, report, num_proc)


def _find_lists(root: Path, tables: dict[str, Path], split: str, segments: str | None) -> list[Path]:
    wanted = _SPLITS[split] if segments is None else (segments,)
    if segments is not None:
        found = [root / segments] if (root / segments).is_file() else []
    else:
        found = [tables[name] for name in wanted if name in tables]
    if not found:
        raise ValueError(f"Expected {' or '.join(wanted)} in the folder of AudioSet, but {show(root)}.")
    if len(found) < len(wanted):
        logger.warning(f"AudioSet: Only {found[0].name} exists, of the lists {list(wanted)} of the split {split!r}.")
    return found


def _read_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and fields of a list. The last field is quoted because it contains commas."""
    with open(path, encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.reader(file, skipinitialspace=True), start=1):
            if line and not line[0].startswith("#"):
                yield number, line


def _read_names(tables: dict[str, Path], root: Path) -> dict[str, str]:
    """Read the class names by class identifier, in the published order."""
    path = tables.get(LABELS_FILE)
    if path is None:
        raise ValueError(f"Expected {LABELS_FILE} in the folder of AudioSet, but {show(root)}.")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    if not rows or not {"index", "mid", "display_name"} <= rows[0].keys():
        raise ValueError(f"Expected the columns index, mid, display_name in {str(path)!r}.")
    return {row["mid"]: row["display_name"] for row in sorted(rows, key=lambda row: int(row["index"]))}


def _index(folder: Path, kind: str) -> dict[str, list[Path]]:
    """Index files by their names without suffix, and by the names of their folders."""
    found = defaultdict(list)
    for path in walk(folder, _SUFFIXES[kind]):
        for key in dict.fromkeys((path.stem, path.parent.name)):
            found[key].append(path)
    return dict(found)


def clip_names(video_id: str, start: float, end: float) -> list[str]:
    """Return possible names of the file of a clip, without suffix.

    Args:
        video_id: The YouTube id.
        start, end: The segment, in seconds.

    Returns:
        The names, from the most to the least specific.
    """
    forms = ["{:.0f}", "{:.1f}", "{:.3f}", "{:06.0f}"]
    times = [(form.format(start), form.format(end)) for form in forms] + [(f"{start * 1e3:.0f}", f"{end * 1e3:.0f}")]
    tails = [f"_{a}{by}{b}" for a, b in times for by in "_-"] + [f"_{a}" for a, _ in times] + [""]
    return [f"{head}{video_id}{tail}" for tail in tails for head in ("", "Y")]


def _item(line: list[str], found: dict[str, dict[str, list[Path]]], names: dict[str, str]) -> Item:
    """Find the files of a segment."""
    if len(line) != 4:
        raise ValueError(f"expected YTID, start_seconds, end_seconds, positive_labels, but got {len(line)} fields")
    video_id, labels = line[0], line[3].split(",")
    try:
        start, end = float(line[1]), float(line[2])
    except ValueError:
        raise ValueError(f"expected times in seconds, but got {line[1]!r} and {line[2]!r}") from None
    unknown = [label for label in labels if label not in names]
    if unknown:
        raise ValueError(f"the classes {unknown} are not in {LABELS_FILE}")
    files = {}
    for kind, index in found.items():
        paths = next((index[name] for name in clip_names(video_id, start, end) if name in index), None)
        if paths is None:
            raise ValueError(f"its {kind} file is missing")
        files[kind] = paths[len(paths) // 2]
    facts = {"labels": [names[label] for label in labels], "video_id": video_id, "start": start, "end": end}
    return Item(video_id, {**files, **facts})


def _read(kinds: list[str], check: bool, **facts: object) -> Iterator[dict]:
    for kind in kinds:
        if check:
            _READ[kind](facts[kind])
        facts[kind] = {"path": facts[kind]}
    yield facts
