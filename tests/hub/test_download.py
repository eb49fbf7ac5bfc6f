# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Download of the published checkpoint, from a server on this machine."""

import hashlib
import random

import huggingface_hub.constants
import pytest

from hub_server import Fault, Repository
from imagebind_hf.hub.download import PUBLISHED_LICENSE_NOTICE, download_published

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "imagebind_huge.pth"
OPTIONS = {"size": len(CONTENT), "sha256": SHA256}


@pytest.fixture
def url(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**14)
    hub.repositories["org/files"] = Repository(private=False)
    hub.repositories["org/files"].commit("main", {NAME: CONTENT}, "first")
    return f"{hub.url}/org/files/resolve/main/{NAME}"


def sent(hub) -> int:
    return sum(hub.served(NAME).values())


def test_download_once(hub, url, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert download_published(folder, True, url, **OPTIONS) == folder / NAME
    assert (folder / NAME).read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert sent(hub) == len(CONTENT)
    hub.forget()
    download_published(folder, True, url, **OPTIONS)
    assert not hub.requests, "a verified file is kept"


def test_license_must_be_accepted(hub, url, tmp_path):
    with pytest.raises(ValueError, match="accept_license=True") as error:
        download_published(tmp_path / "new", False, url, **OPTIONS)
    assert PUBLISHED_LICENSE_NOTICE in str(error.value) and "non-commercial" in PUBLISHED_LICENSE_NOTICE
    assert not hub.requests and not (tmp_path / "new").exists()


def test_a_broken_connection_is_resumed_within_a_call(hub, url, tmp_path):
    hub.faults.append(Fault("GET", NAME, cut=200_000))
    download_published(tmp_path, True, url, **OPTIONS)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert len(CONTENT) <= sent(hub) < len(CONTENT) + 2**14


def test_an_interrupted_download_is_resumed_by_the_next_call(hub, url, tmp_path):
    hub.faults += [Fault("GET", NAME, cut=100_000), Fault("GET", NAME, status=500)]
    with pytest.raises(OSError, match="500"):
        download_published(tmp_path, True, url, **OPTIONS)
    (part,) = tmp_path.iterdir()
    assert part.suffix == ".part" and 80_000 < part.stat().st_size <= 100_000
    hub.forget()
    download_published(tmp_path, True, url, **OPTIONS)
    assert (tmp_path / NAME).read_bytes() == CONTENT and [path.name for path in tmp_path.iterdir()] == [NAME]
    assert sent(hub) < len(CONTENT) - 80_000


def test_parts_of_another_version_are_not_joined(hub, url, tmp_path):
    hub.faults += [Fault("GET", NAME, cut=100_000), Fault("GET", NAME, status=500)]
    with pytest.raises(OSError, match="500"):
        download_published(tmp_path, True, url, **OPTIONS)
    new = CONTENT[::-1]
    hub.repositories["org/files"].commit("main", {NAME: new}, "second")
    download_published(tmp_path, True, url, size=len(new), sha256=hashlib.sha256(new).hexdigest())
    assert (tmp_path / NAME).read_bytes() == new


def test_a_corrupted_download_is_refused(hub, url, tmp_path):
    hub.faults.append(Fault("GET", NAME, flip=True))
    with pytest.raises(ValueError, match=f"SHA-256 {SHA256}, but got [0-9a-f]{{64}}. Try again"):
        download_published(tmp_path, True, url, **OPTIONS)
    assert not list(tmp_path.iterdir()), "corrupted data is not resumed"
    download_published(tmp_path, True, url, **OPTIONS)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_another_size_is_refused_before_the_download(hub, url, tmp_path):
    with pytest.raises(ValueError, match="to have 300,001 bytes, but the server has 300,000"):
        download_published(tmp_path, True, url, size=len(CONTENT) + 1, sha256=SHA256)
    assert sent(hub) == 0


def test_no_more_than_the_expected_size_is_written(hub, url, tmp_path, monkeypatch):
    # A server that announces nothing first, and then sends more.
    monkeypatch.setattr("hub_server._Handler._resolve", lambda self, *_: (200, self.hub.endless, {}))
    hub.endless = b""
    monkeypatch.setattr("hub_server._Handler._send", _send_chunks)
    with pytest.raises(ValueError, match="Expected 300,000 bytes, but the server sent more"):
        download_published(tmp_path, True, url, **OPTIONS)
    assert all(path.stat().st_size <= len(CONTENT) for path in tmp_path.iterdir())


def _send_chunks(self, status, body=b"", headers=None):
    self.entry["status"] = status
    self.send_response(status)
    self.send_header("Transfer-Encoding", "chunked")
    self.end_headers()
    try:
        for _ in range(100 if self.command == "GET" else 0):
            self.wfile.write(b"%x\r\n" % 2**14 + bytes(2**14) + b"\r\n")
        if self.command == "GET":
            self.wfile.write(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    self.close_connection = True


def test_a_changed_file_is_not_taken_for_the_published_one(hub, url, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match="300,000 bytes, but got 299,999. Delete"):
        download_published(tmp_path, True, url, **OPTIONS)
    (tmp_path / NAME).write_bytes(CONTENT[::-1])
    with pytest.raises(ValueError, match="SHA-256 .* Delete"):
        download_published(tmp_path, True, url, **OPTIONS)


def test_disk_space(hub, url, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("imagebind_hf.hub.download.shutil.disk_usage", lambda path: usage)
    with pytest.raises(ValueError, match="300,000 bytes of free disk space in .* but got 1,000"):
        download_published(tmp_path, True, url, **OPTIONS)
    assert sent(hub) == 0


def test_no_file_and_no_server(hub, url, tmp_path):
    with pytest.raises(OSError, match="404"):
        download_published(tmp_path, True, url.replace("huge", "tiny"), **OPTIONS)
    with pytest.raises(OSError, match="Cannot download http://127.0.0.1:9/x.pth"):
        download_published(tmp_path, True, "http://127.0.0.1:9/x.pth", **OPTIONS)
