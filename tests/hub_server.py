# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A small Hub on 127.0.0.1 for real clients: repositories, commits, LFS, and errors on demand."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

# Suffixes of the Hub's default .gitattributes that are stored in LFS.
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".png", ".parquet")
TOKEN = "hf_loopback"


@dataclass
class Fault:
    """An error that occurs `times` times: a status, a connection that is cut, or a corrupted body.

    Args:
        method, path: Requests that it applies to: the method, and a regular expression that is searched in the path.
        status: Status of the response.
        cut: Number of bytes of the body after which the connection is closed.
        flip: Whether a byte in the middle of the body is changed when it is served or stored.
        times: Number of requests.
        hold: Event to wait for after `cut` bytes, before the connection is closed.
    """

    method: str
    path: str
    status: int | None = None
    cut: int | None = None
    flip: bool = False
    times: int = 1
    hold: threading.Event | None = None


@dataclass
class Repository:
    """Files by commit, and the commit of each branch or tag."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[tuple[str, str]] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    pull_requests: int = 0

    def commit(self, ref: str, files: dict[str, bytes], message: str) -> str:
        sha = hashlib.sha1(f"{len(self.commits)} {message}".encode()).hexdigest()
        self.commits[sha] = files
        self.messages.append((ref, message))
        self.refs[ref] = sha
        return sha


def is_lfs(path: str) -> bool:
    return path.endswith(LFS_SUFFIXES)


def oid_of(path: str, content: bytes) -> str:
    """The git blob id of a file, or of the pointer to an LFS file."""
    if is_lfs(path):
        digest = hashlib.sha256(content).hexdigest()
        content = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Hub:
    """The state of the server, and its log of requests."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self.url = ""

    def files(self, repo_id: str, ref: str = "main") -> dict[str, bytes]:
        repository = self.repositories[repo_id]
        return repository.commits[repository.refs[ref]]

    def served(self, suffix: str = "") -> dict[str, int]:
        """Bytes of content sent since `forget`, by file."""
        totals: dict[str, int] = {}
        for request in self.requests:
            if request["file"] and request["file"].endswith(suffix) and request["bytes"]:
                totals[request["file"]] = totals.get(request["file"], 0) + request["bytes"]
        return totals

    def uploads(self) -> int:
        """Number of LFS objects received since `forget`."""
        return sum(request["method"] == "PUT" and request["status"] == 200 for request in self.requests)

    def forget(self) -> None:
        self.requests.clear()
        self.faults.clear()

    def fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a Hub on a free port."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class Refused(Exception):  # noqa: N818
    """A response that ends a request early."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    ROUTES = (
        ("GET", r"^/api/whoami-v2$", "whoami"),
        ("GET", r"^/api/agent-harnesses$", "nothing"),
        ("POST", r"^/api/repos/create$", "create_repo"),
        ("POST", r"^/api/validate-yaml$", "validate_yaml"),
        ("POST", r"^/api/models/([^/]+/[^/]+)/preupload/(.+)$", "preupload"),
        ("POST", r"^/api/models/([^/]+/[^/]+)/commit/(.+)$", "commit"),
        ("POST", r"^/api/models/([^/]+/[^/]+)/branch/(.+)$", "branch"),
        ("POST", r"^/api/models/([^/]+/[^/]+)/paths-info/(.+)$", "paths_info"),
        ("GET", r"^/api/models/([^/]+/[^/]+)/tree/([^/]+)(?:/(.+))?$", "tree"),
        ("GET", r"^/api/models/([^/]+/[^/]+)/refs$", "list_refs"),
        ("GET", r"^/api/models/([^/]+/[^/]+)(?:/revision/(.+))?$", "info"),
        ("POST", r"^/([^/]+/[^/]+)\.git/info/lfs/objects/batch$", "lfs_batch"),
        ("PUT", r"^/lfs/([0-9a-f]{64})$", "lfs_put"),
        ("POST", r"^/lfs/([0-9a-f]{64})/verify$", "lfs_verify"),
        ("HEAD", r"^/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$", "resolve"),
        ("GET", r"^/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$", "resolve"),
    )

    def log_message(self, *_: Any) -> None:
        """Log nothing on stderr. The Hub has the requests."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._dispatch
        raise AttributeError(name)

    def _dispatch(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.entry = {"method": self.command, "path": path, "status": None, "file": None, "bytes": 0}
        self.entry["token"] = self.headers.get("authorization")
        self.entry["agent"] = self.headers.get("user-agent")
        self.hub.requests.append(self.entry)
        self.fault = self.hub.fault(self.command, path)
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            self.body = b"".join(iter(self._chunk, b""))
        else:
            self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.fault is not None and self.fault.status is not None:
            self._send(self.fault.status, {"error": "a fault"}, {"Retry-After": "0"})
            return
        for method, pattern, action in self.ROUTES:
            match = re.match(pattern, path)
            if method == self.command and match:
                with self.hub.lock:
                    try:
                        answer = getattr(self, f"_{action}")(*match.groups())
                    except Refused as refused:
                        answer = refused.args[0]
                # Bodies are sent without the lock, so that a slow client does not block others.
                self._send(*answer)
                return
        self.hub.unknown.append(f"{self.command} {path}")
        self._send(404, {"error": f"no such route: {path}"})

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().strip() or b"0", 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _send(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.entry["status"] = status
        self.send_response(status)
        headers = headers or {}
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.fault.cut if self.fault is not None else None
        try:
            self.wfile.write(content[:cut])
            self.wfile.flush()
            self.entry["bytes"] = len(content[:cut])
            if cut is not None and cut < len(content):
                if self.fault.hold is not None:
                    self.fault.hold.wait(60)
                self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _error(self, status: int, code: str, message: str) -> tuple:
        return status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message}

    def _find(self, repo_id: str, ref: str | None = None, to_write: bool = False) -> tuple[Repository, str]:
        """The repository and the commit. Refused if they do not exist, or the caller may not read (or write) them."""
        repository = self.hub.repositories.get(repo_id)
        may = self._is_owner() or (repository is not None and not repository.private and not to_write)
        if repository is None or not may:
            raise Refused(self._error(404 if self._is_owner() else 401, "RepoNotFound", "Repository not found"))
        sha = repository.refs.get(ref or "main", ref)
        if sha not in repository.commits:
            raise Refused(self._error(404, "RevisionNotFound", "Invalid rev id"))
        return repository, sha

    def _is_owner(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {TOKEN}"

    # Accounts and repositories

    def _whoami(self) -> tuple:
        if not self._is_owner():
            return self._error(401, "", "Invalid username or password.")
        return 200, {"type": "user", "name": "org", "fullname": "Org", "orgs": [], "auth": {"accessToken": {}}}

    def _create_repo(self) -> tuple:
        if not self._is_owner():
            return self._error(401, "", "Invalid username or password.")
        wanted = json.loads(self.body)
        repo_id = f"{wanted.get('organization') or 'org'}/{wanted['name']}"
        answer = {"url": f"{self.hub.url}/{repo_id}", "name": repo_id, "id": repo_id}
        if repo_id in self.hub.repositories:
            return 409, {**answer, "error": "You already created this model repo"}
        repository = self.hub.repositories[repo_id] = Repository(
            bool(wanted.get("private")) or wanted.get("visibility") == "private"
        )
        repository.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        return 200, answer

    def _nothing(self) -> tuple:
        return 404, {}

    def _validate_yaml(self) -> tuple:
        return 200, {"errors": [], "warnings": []}

    def _branch(self, repo_id: str, branch: str) -> tuple:
        repository, sha = self._find(repo_id, to_write=True)
        if branch in repository.refs:
            return 409, {"error": "Reference already exists"}
        start = (json.loads(self.body or b"{}") or {}).get("startingPoint")
        repository.refs[branch] = repository.refs.get(start, start) if start else sha
        return 200, {}

    def _list_refs(self, repo_id: str) -> tuple:
        refs = self._find(repo_id)[0].refs.items()
        branches = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha} for name, sha in refs]
        return 200, {"branches": branches, "converts": [], "tags": []}

    def _info(self, repo_id: str, ref: str | None) -> tuple:
        repository, sha = self._find(repo_id, ref)
        siblings = [{"rfilename": name} for name in repository.commits[sha]]
        return 200, {
            "_id": repo_id,
            "id": repo_id,
            "modelId": repo_id,
            "sha": sha,
            "private": repository.private,
            "tags": [],
            "siblings": siblings,
            "downloads": 0,
            "likes": 0,
        }

    def _entries(self, files: dict[str, bytes]) -> list[dict[str, Any]]:
        entries = []
        for path, content in files.items():
            entry = {"type": "file", "path": path, "size": len(content), "oid": oid_of(path, content)}
            if is_lfs(path):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
            entries.append(entry)
        return entries

    def _tree(self, repo_id: str, ref: str, folder: str | None) -> tuple:
        repository, sha = self._find(repo_id, ref)
        files = repository.commits[sha]
        if folder:
            files = {path: content for path, content in files.items() if path.startswith(f"{folder}/")}
            if not files:
                return self._error(404, "EntryNotFound", f"{folder} does not exist on {ref!r}")
        if self.query.get("recursive", "false").lower() not in ("true", "1"):
            depth = folder.count("/") + 2 if folder else 1
            files = {path: content for path, content in files.items() if path.count("/") < depth}
        return 200, self._entries(files)

    def _paths_info(self, repo_id: str, ref: str) -> tuple:
        repository, sha = self._find(repo_id, ref)
        wanted = parse_qs(self.body.decode()).get("paths") or json.loads(self.body or b"{}").get("paths", [])
        return 200, self._entries({path: repository.commits[sha][path] for path in wanted})

    # Uploads

    def _preupload(self, repo_id: str, ref: str) -> tuple:
        repository, sha = self._find(repo_id, ref, to_write=True)
        kept = repository.commits[sha]
        files = []
        for file in json.loads(self.body)["files"]:
            path = file["path"]
            mode = "lfs" if is_lfs(path) else "regular"
            entry = {"path": path, "uploadMode": mode, "shouldIgnore": False}
            if path in kept:
                content = kept[path]
                entry["oid"] = hashlib.sha256(content).hexdigest() if is_lfs(path) else oid_of(path, content)
            files.append(entry)
        return 200, {"files": files}

    def _lfs_batch(self, repo_id: str) -> tuple:
        self._find(repo_id, to_write=True)
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            entry = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.lfs:
                href = f"{self.hub.url}/lfs/{wanted['oid']}"
                entry["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            objects.append(entry)
        return 200, {"transfer": "basic", "objects": objects}, {"Content-Type": "application/vnd.git-lfs+json"}

    def _lfs_put(self, oid: str) -> tuple:
        content = _flipped(self.body) if self.fault is not None and self.fault.flip else self.body
        if hashlib.sha256(content).hexdigest() != oid:
            return 400, {"error": "The content does not have the hash that was announced."}
        self.hub.lfs[oid] = content
        return 200, {}

    def _lfs_verify(self, oid: str) -> tuple:
        size = json.loads(self.body)["size"]
        return (200, {}) if len(self.hub.lfs.get(oid, b"")) == size else (404, {"error": "Object does not exist"})

    def _commit(self, repo_id: str, ref: str) -> tuple:
        repository, sha = self._find(repo_id, ref, to_write=True)
        lines = [json.loads(line) for line in self.body.splitlines() if line]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, sha):
            return 412, {"error": "A commit has happened since. Please refresh and try again."}
        files = dict(repository.commits[sha])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    return 400, {"error": f"LFS object {value['oid']} was not uploaded"}
                files[value["path"]] = self.hub.lfs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        answer = {"success": True}
        if self.query.get("create_pr"):
            repository.pull_requests += 1
            ref = f"refs/pr/{repository.pull_requests}"
            answer["pullRequestUrl"] = f"{self.hub.url}/{repo_id}/discussions/{repository.pull_requests}"
        commit = repository.commit(ref, files, header["summary"])
        url = f"{self.hub.url}/{repo_id}/commit/{commit}"
        return 200, {**answer, "commitUrl": url, "commitOid": commit, "hookOutput": ""}

    # Downloads

    def _resolve(self, repo_id: str, ref: str, path: str) -> tuple:
        repository, sha = self._find(repo_id, ref)
        content = repository.commits[sha].get(path)
        if content is None:
            return self._error(404, "EntryNotFound", "Entry not found")
        etag = hashlib.sha256(content).hexdigest() if is_lfs(path) else oid_of(path, content)
        if self.fault is not None and self.fault.flip:
            content = _flipped(content)
        self.entry["file"] = f"{repo_id}/{path}"
        headers = {
            "ETag": f'"{etag}"',
            "X-Repo-Commit": sha,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if is_lfs(path):
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        requested = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("range", ""))
        if requested is None:
            return 200, content, {**headers, "Content-Length": str(len(content))}
        start, stop = int(requested[1]), int(requested[2]) + 1 if requested[2] else len(content)
        if start >= len(content):
            return 416, b"", {"Content-Range": f"bytes */{len(content)}"}
        part = content[start:stop]
        span = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return 206, part, {**headers, "Content-Length": str(len(part)), "Content-Range": span}


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
