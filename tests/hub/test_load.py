# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Loading from a local Hub server, in fresh interpreters and with errors of the network."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from transformers import AutoModel

from hub_server import Fault
from imagebind_hf import ImageBindAudioModelWithProjection, ImageBindModel, ImageBindProcessor
from imagebind_hf.hub import push_folder
from imagebind_hf.hub.checkpoints import load_model
from imagebind_hf.hub.remote_code import save_with_code

NAME = "org/my-model"


@pytest.fixture
def published(hub, checkpoint):
    """A model on the Hub that is not in a cache."""
    push_folder(checkpoint, NAME)
    hub.forget()
    return checkpoint


def shards_served(hub) -> set[str]:
    return {Path(name).name for name in hub.served(".safetensors")}


def assert_equal(model: ImageBindModel, folder: Path) -> None:
    wanted = ImageBindModel.from_pretrained(folder, modalities=model.config.modalities).state_dict()
    state = model.state_dict()
    assert state.keys() == wanted.keys() and all(state[name].equal(value) for name, value in wanted.items())


# What is downloaded


@pytest.mark.parametrize("modalities", [["audio"], ["text", "audio"], ["vision", "text"]])
def test_only_the_shards_that_are_needed_are_downloaded(hub, published, modalities):
    model = AutoModel.from_pretrained(NAME, modalities=modalities)
    shards = {f"model-{name}.safetensors" for name in modalities}
    assert shards_served(hub) == shards
    served = sum(hub.served(".safetensors").values())
    assert served == sum((published / name).stat().st_size for name in shards)
    assert model.name_or_path == model.config.name_or_path == NAME
    assert_equal(model, published)


def test_commands_download_only_their_shards(hub, published):
    model, processor = load_model(NAME, iter(["audio", "text"]))
    assert shards_served(hub) == {"model-audio.safetensors", "model-text.safetensors"}
    assert_equal(model, published)
    assert isinstance(processor, ImageBindProcessor)


def test_a_single_tower_downloads_its_shard(hub, published):
    tower = ImageBindAudioModelWithProjection.from_pretrained(NAME)
    assert shards_served(hub) == {"model-audio.safetensors"} and tower.config.modalities == ["audio"]


def test_modalities_of_the_configuration(hub, published):
    config = ImageBindModel.config_class.from_pretrained(NAME, modalities=["imu"])
    ImageBindModel.from_pretrained(NAME, config=config)
    assert shards_served(hub) == {"model-imu.safetensors"}


def test_everything_is_downloaded_once(hub, published):
    assert_equal(AutoModel.from_pretrained(NAME), published)
    assert len(shards_served(hub)) == 6
    hub.forget()
    _, info = AutoModel.from_pretrained(NAME, output_loading_info=True, dtype=torch.bfloat16)
    assert not info["missing_keys"] and not shards_served(hub), "the files were in the cache"


def test_revision(hub, published):
    changed = ImageBindModel.from_pretrained(published)
    with torch.no_grad():
        changed.imu_projection.weight.zero_()
    changed.push_to_hub(NAME, revision="zeroed")
    sha = hub.repositories[NAME].refs["main"]
    for revision, is_zero in (("zeroed", True), ("main", False), (sha, False), (None, False)):
        kwargs = {} if revision is None else {"revision": revision}
        model = AutoModel.from_pretrained(NAME, modalities=["imu"], **kwargs)
        assert (model.imu_projection.weight == 0).all().item() == is_zero, revision
    with pytest.raises(OSError, match="nowhere is not a valid git identifier"):
        AutoModel.from_pretrained(NAME, revision="nowhere")


def test_no_such_repository(hub):
    with pytest.raises(OSError, match="org/nothing is not a local folder and is not a valid model identifier"):
        ImageBindModel.from_pretrained("org/nothing")


# Fresh interpreters

ASK = """
import imagebind_hf
import numpy as np
from PIL import Image
from transformers import AutoModel, AutoProcessor, pipeline
name = "org/my-model"
model, processor = AutoModel.from_pretrained(name).eval(), AutoProcessor.from_pretrained(name)
inputs = processor(text=["a", "b"], audio=np.ones(9000, np.float32), sampling_rate=16_000, return_tensors="pt")
print(type(model).__module__, *model(**inputs).logits_per_audio[0].tolist())
recording = pipeline("zero-shot-audio-classification", name)(np.ones(9000, np.float32), candidate_labels=["a", "b"])
image = pipeline("zero-shot-image-classification", name)(Image.new("L", (40, 50)), candidate_labels=["a", "b"])
audio = AutoProcessor.from_pretrained(name, subfolder="audio")
print(len(recording), len(image), audio.get_attributes())
"""


@pytest.mark.slow
def test_in_a_fresh_interpreter_and_then_without_the_hub(hub, published, elsewhere):
    first = elsewhere(ASK).stdout.splitlines()
    assert (
        first[0].startswith("imagebind_hf.models.imagebind.modeling_imagebind ")
        and first[1] == "2 2 ['feature_extractor']"
    )
    hub.forget()
    assert elsewhere(ASK, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9").stdout.splitlines() == first
    assert not hub.requests


@pytest.mark.slow
def test_offline_with_nothing_cached(hub, published, elsewhere):
    code = "from imagebind_hf import ImageBindModel; ImageBindModel.from_pretrained('org/my-model')"
    process = elsewhere(code, check=False, HF_HUB_OFFLINE="1")
    assert process.returncode == 1 and not hub.requests
    assert "couldn't find them in the cached files" in process.stderr and "offline mode" in process.stderr


REMOTE = """
import sys
sys.modules["imagebind_hf"] = None  # the package cannot be imported
import numpy as np
from transformers import AutoModel, AutoProcessor, pipeline
name = "org/with-code"
try:
    AutoModel.from_pretrained(name)
except ValueError as error:
    assert "trust_remote_code" in str(error)
else:
    raise AssertionError("code ran without permission")
model = AutoModel.from_pretrained(name, trust_remote_code=True, modalities=["text", "imu"])
print("\\n" + type(model).__module__.split(".")[0], sorted(model.config.tower_configs), model.name_or_path)
classify = pipeline("zero-shot-imu-classification", name, trust_remote_code=True)
print(len(classify(np.ones((6, 300)), candidate_labels=["a", "b"])))
try:
    model.push_to_hub("org/elsewhere")
except Exception as error:
    raise SystemExit(f"cannot push without the package: {error!r}")
"""


@pytest.mark.slow
def test_repository_with_code(hub, checkpoint, elsewhere, tmp_path):
    folder = tmp_path / "with-code"
    save_with_code(folder, ImageBindModel.from_pretrained(checkpoint), ImageBindProcessor.from_pretrained(checkpoint))
    push_folder(folder, "org/with-code")
    hub.forget()
    # The lines before are the prompt for permission, which is not answered.
    lines = elsewhere(REMOTE).stdout.splitlines()[-2:]
    assert lines == ["transformers_modules ['imu', 'text'] org/with-code", "2"]
    # The model loads two towers, then the pipeline loads all. No shard is downloaded twice.
    served = hub.served(".safetensors")
    assert {name: size for name, size in served.items() if "with-code" in name} == {
        f"org/with-code/{path.name}": path.stat().st_size for path in folder.glob("*.safetensors")
    }
    assert "model-imu.safetensors" in hub.files("org/elsewhere")


# Errors


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


def test_a_broken_connection_is_resumed(hub, published, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**16)
    size = (published / "model-text.safetensors").stat().st_size
    hub.faults.append(Fault("GET", "model-text.safetensors", cut=size // 2))
    assert_equal(AutoModel.from_pretrained(NAME, modalities=["text"]), published)
    # Complete chunks are not downloaded again.
    assert size <= hub.served("model-text.safetensors")[f"{NAME}/model-text.safetensors"] < size + 2**16


def test_rate_limits_are_respected(hub, published):
    hub.faults += [Fault("HEAD", "model-imu", status=429), Fault("GET", "model-imu", status=429, times=2)]
    assert_equal(AutoModel.from_pretrained(NAME, modalities=["imu"]), published)


@pytest.mark.parametrize("status", [500, 503])
def test_other_errors_leave_nothing_behind(hub, published, status):
    hub.faults.append(Fault("GET", "model-imu", status=status))
    with pytest.raises(OSError, match=f"{status}.*model-imu"):
        AutoModel.from_pretrained(NAME, modalities=["imu"])
    assert_equal(AutoModel.from_pretrained(NAME, modalities=["imu"]), published)


def test_corrupted_downloads_are_never_loaded(hub, published):
    hub.faults.append(Fault("GET", "model-imu.safetensors", flip=True))
    with pytest.raises(OSError, match="model-imu.safetensors is corrupted: expected SHA-256"):
        AutoModel.from_pretrained(NAME, modalities=["imu"])
    assert_equal(AutoModel.from_pretrained(NAME, modalities=["imu"]), published)


@pytest.mark.slow
def test_a_disk_that_is_full(hub, published, elsewhere):
    # Files are limited to one megabyte, so that writing fails as on a full disk.
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from imagebind_hf import ImageBindModel
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, resource.RLIM_INFINITY))
try:
    ImageBindModel.from_pretrained("org/my-model", modalities=["text"])
except OSError as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(len(ImageBindModel.from_pretrained("org/my-model", modalities=["text"]).state_dict()))
"""
    lines = elsewhere(code).stdout.splitlines()
    assert lines[0].startswith("refused:") and "too large" in lines[0] and int(lines[1]) > 10


@pytest.mark.slow
def test_killed_while_downloading(hub, published, tmp_path):
    size = (published / "model-text.safetensors").stat().st_size
    arrived = threading.Event()
    hub.faults.append(Fault("GET", "model-text.safetensors", cut=size // 2, hold=arrived))
    code = "import huggingface_hub.constants as hub; hub.DOWNLOAD_CHUNK_SIZE = 2**16; import imagebind_hf; "
    code += "imagebind_hf.ImageBindModel.from_pretrained('org/my-model', modalities=['text'])"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    environment["HF_HUB_DISABLE_XET"] = "1"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    incomplete = tmp_path / "home" / "hub"
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size > 10_000 for path in incomplete.rglob("*.incomplete")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    arrived.set()
    again = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=900)
    assert again.returncode == 0, again.stderr[-2000:]
    cached = next(incomplete.rglob("snapshots/*/model-text.safetensors"))
    assert cached.read_bytes() == (published / "model-text.safetensors").read_bytes()


@pytest.mark.slow
def test_killed_while_uploading(hub, checkpoint, tmp_path):
    code = f"from imagebind_hf.hub import push_folder; push_folder({str(checkpoint)!r}, 'org/my-model')"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    environment["HF_HUB_DISABLE_XET"] = "1"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while hub.uploads() < 2 and "objects/batch" not in str(hub.requests[-1:]):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert set(hub.files(NAME)) <= {".gitattributes"}, "an incomplete upload is visible"
    push_folder(checkpoint, NAME)
    assert_equal(AutoModel.from_pretrained(NAME), checkpoint)


# Trust


def test_an_index_with_paths_outside_of_its_folder(hub, published):
    files = dict(hub.files(NAME))
    index = json.loads(files["model.safetensors.index.json"])
    index["weight_map"] = dict.fromkeys(index["weight_map"], "../../secret.safetensors")
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    hub.repositories[NAME].commit("main", files, "evil")
    with pytest.raises(ValueError, match=r"but got '\.\./\.\./secret\.safetensors'"):
        AutoModel.from_pretrained(NAME)
    assert not shards_served(hub)
    (published / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"but got '\.\./\.\./secret\.safetensors'"):
        AutoModel.from_pretrained(published)


def test_the_location_of_the_cache(hub, published, tmp_path):
    AutoModel.from_pretrained(NAME, modalities=["imu"], cache_dir=tmp_path / "mine")
    assert list((tmp_path / "mine").rglob("model-imu.safetensors"))
    assert not Path(huggingface_hub.constants.HF_HUB_CACHE).exists() or not list(
        Path(huggingface_hub.constants.HF_HUB_CACHE).rglob("model-imu.safetensors")
    )
