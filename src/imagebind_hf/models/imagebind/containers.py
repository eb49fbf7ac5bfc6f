# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Formats of audio and video files that are read, and lengths in their headers, which decoders do not check."""

import io
from pathlib import Path
from typing import BinaryIO

# ffmpeg and SoX write RIFF sizes from this value on if they write to a pipe, where the size is unknown.
RIFF_SIZE_UNKNOWN = 0x7FFF0000
# Demuxers of FFmpeg that may read a file. Playlists (HLS, DASH, concat) and session descriptions (SDP) are not among
# them: they make FFmpeg open other files and sockets.
_DEMUXERS = (
    "aac ac3 aiff amr asf au avi caf eac3 flac flv gif h264 hevc ivf jpeg_pipe m4v matroska mjpeg mov mp3 mpeg mpegts"
    " mpegvideo ogg wav w64 wv"
)
FFMPEG_OPTIONS = {"format_whitelist": _DEMUXERS.replace(" ", ","), "protocol_whitelist": "file"}
# How the files of these formats begin, after so many bytes.
_VIDEO_SIGNATURES = {
    0: (
        *(b"RIFF", b"RIFX", b"\x1aE\xdf\xa3", b"OggS", b"FLV", b"GIF8", b"0&\xb2u", b"DKIF"),
        # Elementary streams and program streams of MPEG, Motion JPEG, transport streams.
        *(b"\0\0\1", b"\0\0\0\1", b"\xff\xd8\xff", b"G"),
    ),
    4: (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"G"),
}


def check_video_format(source: str | io.BytesIO) -> None:
    """Check that a file has the signature of a video format, before a decoder interprets it.

    Raises:
        ValueError: If it has not.
    """
    if isinstance(source, str):
        with open(source, "rb") as file:
            head = file.read(1024)
    else:
        head = source.read(1024)
        source.seek(0)
    for offset, signatures in _VIDEO_SIGNATURES.items():
        if head[offset:].startswith(signatures):
            # A packet of a transport stream has 188 bytes, or 192 with a time stamp in front. One byte proves nothing.
            if head[offset : offset + 1] != b"G" or head[offset:].startswith(b"GIF8"):
                return
            packets = range(offset, len(head), 188 + offset)
            if len(packets) > 1 and all(head[start : start + 1] == b"G" for start in packets):
                return
    raise ValueError("it is not in a known video format")


def check_complete(source: str | io.BytesIO) -> None:
    """Raise a ValueError for a truncated WAV, AVI, AIFF, Ogg or MP4 file, which decoders accept."""
    if isinstance(source, str):
        with open(source, "rb") as file:
            missing = _missing_bytes(file)
    else:
        missing = _missing_bytes(source)
        source.seek(0)
    if missing > 0:
        raise ValueError(f"it is truncated: {missing} bytes are missing")


def _missing_bytes(file: BinaryIO) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"OggS":
        # Pages have up to 64 KiB: a header of 27 bytes, whose last byte is the number of lengths that follow, the
        # lengths, and the data.
        file.seek(max(size - 2**16, 0))
        _, found, page = file.read().rpartition(b"OggS")
        page = found + page
        lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
        return 27 + len(lengths) + sum(lengths) - len(page) if found else 0
    riff = head[:4] in (b"RIFF", b"FORM")
    order = "big" if head[:4] == b"FORM" else "little"
    if not riff and head[4:8] != b"ftyp":
        return 0
    position = 12 if riff else 0
    # Both formats are sequences of chunks, each with a name of four letters and a length.
    for _ in range(1000):
        file.seek(position)
        first, second = file.read(4), file.read(4)
        if len(second) < 4:
            return 0
        if riff:
            name, end = first, position + 8 + int.from_bytes(second, order)
            known = end - position < RIFF_SIZE_UNKNOWN
            position = end + end % 2
        else:
            length = int.from_bytes(first, "big")
            length = int.from_bytes(file.read(8), "big") if length == 1 else length
            name, end, known = second, position + length, length >= 8
            position = end
        if not known:
            return 0
        if name in (b"data", b"LIST", b"SSND", b"mdat", b"moov") and end > size:
            return end - size
    return 0


def mp3_has_length(source: str | io.BytesIO) -> bool:
    """Return whether an MP3 file contains its length. If not, soundfile estimates it from the size, including tags."""
    data = source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()
    # The length of a tag before the first frame has seven bits per byte.
    tag = 10 + sum(byte << 7 * place for place, byte in enumerate(data[9:5:-1])) if data[:3] == b"ID3" else 0
    return any(name in data[tag : tag + 200] for name in (b"Xing", b"Info", b"VBRI"))
