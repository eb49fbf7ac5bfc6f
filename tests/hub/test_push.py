# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What a push uploads and what it refuses, with a Hub on this machine."""

import inspect
import json
import logging

import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
from safetensors.torch import load_file
from transformers import AutoModel
from transformers.utils import PushToHubMixin
from typer.testing import CliRunner

from conftest import make_config
from hub_server import TOKEN, Fault
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.hub import find_files, push_folder

NAME = "org/my-model"


def test_all_of_a_checkpoint_in_one_commit(hub, checkpoint):
    commit = push_folder(checkpoint, NAME, commit_message="first")
    assert hub.repositories[NAME].messages == [("main", "initial commit"), ("main", "first")]
    files = hub.files(NAME)
    assert set(files) == {*find_files(checkpoint), "README.md", ".gitattributes"}
    for name, path in find_files(checkpoint).items():
        assert files[name] == path.read_bytes()
    assert commit.oid == hub.repositories[NAME].refs["main"]
    assert "audio/processor_config.json" in files and "model-audio.safetensors" in files
    card = ModelCard(files["README.md"].decode())
    assert card.data.pipeline_tag == "zero-shot-image-classification" and card.data.library_name == "transformers"
    assert f'from_pretrained("{NAME}")' in card.text


def test_files_that_are_not_uploaded(hub, checkpoint):
    secrets = [
        "training_args.bin",
        "optimizer.pt",
        "trainer_state.json",
        "checkpoint-5/config.json",
        "runs/events.txt",
    ]
    secrets += [".env.json", "_saving/config.json", "imagebind_huge.pth", "adapter/README.md"]
    for name in secrets:
        (checkpoint / name).parent.mkdir(exist_ok=True)
        (checkpoint / name).write_bytes(b"{}")
    push_folder(checkpoint, NAME)
    assert not set(secrets) & set(hub.files(NAME))


def test_the_card_names_the_repository(hub, checkpoint):
    (checkpoint / "README.md").write_text('---\nlicense: mit\n---\nload it: from_pretrained("my-model"), my-model\n')
    push_folder(checkpoint, NAME)
    card = hub.files(NAME)["README.md"].decode()
    assert 'from_pretrained("org/my-model"), my-model' in card and "license: mit" in card
    assert (checkpoint / "README.md").read_text().count("org/") == 0


def test_nothing_is_replaced_without_overwrite(hub, checkpoint):
    push_folder(checkpoint, NAME)
    before = hub.files(NAME)
    model = ImageBindModel.from_pretrained(checkpoint)
    with torch.no_grad():
        model.audio_projection.weight.add_(1)
    model.save_pretrained(checkpoint)
    with pytest.raises(
        ValueError, match=r"org/my-model already has other content in .*model-audio.safetensors\. Replace"
    ):
        push_folder(checkpoint, NAME)
    assert hub.files(NAME) == before
    hub.forget()
    push_folder(checkpoint, NAME, overwrite=True)
    assert hub.uploads() == 1, "the other shards are on the Hub already"
    assert hub.files(NAME)["model-audio.safetensors"] == (checkpoint / "model-audio.safetensors").read_bytes()


def test_a_card_written_by_hand_on_the_hub_is_kept(hub, checkpoint):
    push_folder(checkpoint, NAME)
    HfApi().upload_file(path_or_fileobj=b"by hand", path_in_repo="README.md", repo_id=NAME)
    push_folder(checkpoint, NAME)
    assert hub.files(NAME)["README.md"] == b"by hand"
    (checkpoint / "README.md").write_text("of the folder")
    with pytest.raises(ValueError, match=r"other content in README\.md"):
        push_folder(checkpoint, NAME)


def test_the_same_push_again_changes_nothing(hub, checkpoint):
    first = push_folder(checkpoint, NAME)
    assert push_folder(checkpoint, NAME).oid == first.oid
    assert len(hub.repositories[NAME].commits) == 2


def test_stale_weights_are_deleted_by_the_same_commit(hub, checkpoint, tmp_path):
    push_folder(checkpoint, NAME)
    smaller = tmp_path / "smaller"
    ImageBindModel.from_pretrained(checkpoint, modalities=["text", "audio"]).save_pretrained(smaller)
    with pytest.raises(ValueError, match="model-depth.safetensors"):
        push_folder(smaller, NAME)
    push_folder(smaller, NAME, overwrite=True)
    weights = {name for name in hub.files(NAME) if name.endswith(".safetensors")}
    assert weights == {"model-text.safetensors", "model-audio.safetensors"}
    assert list(AutoModel.from_pretrained(NAME).config.tower_configs) == ["text", "audio"]


def test_a_processor_does_not_delete_weights(hub, checkpoint, tmp_path):
    push_folder(checkpoint, NAME)
    ImageBindProcessor.from_pretrained(checkpoint).push_to_hub(NAME)
    assert "model-audio.safetensors" in hub.files(NAME)


def test_branch_and_pull_request(hub, checkpoint):
    push_folder(checkpoint, NAME)
    push_folder(checkpoint, NAME, revision="v2")
    (checkpoint / "results.json").write_text("{}")
    push_folder(checkpoint, NAME, revision="v2")
    assert "results.json" in hub.files(NAME, "v2") and "results.json" not in hub.files(NAME)
    (checkpoint / "config.json").write_text((checkpoint / "config.json").read_text() + " ")
    commit = push_folder(checkpoint, NAME, create_pr=True)
    assert commit.pr_url.endswith("/org/my-model/discussions/1")
    assert hub.files(NAME, "refs/pr/1")["config.json"].endswith(b" ") and not hub.files(NAME)["config.json"].endswith(
        b" "
    )


def test_saving_passes_the_arguments_of_a_push(hub, tmp_path):
    model = ImageBindModel(make_config(modalities=["imu"]))
    model.save_pretrained(tmp_path, push_to_hub=True, repo_id=NAME)
    first = hub.files(NAME)
    with torch.no_grad():
        model.imu_projection.weight.zero_()
    options = {"revision": "dev", "commit_message": "zeros", "commit_description": "all of them"}
    model.save_pretrained(tmp_path, push_to_hub=True, repo_id=NAME, **options)
    assert hub.files(NAME) == first, "main has changed"
    shard = "model-imu.safetensors"
    assert hub.files(NAME, "dev")[shard] == (tmp_path / shard).read_bytes() != first[shard]
    assert hub.repositories[NAME].messages[-1] == ("dev", "zeros")
    model.save_pretrained(tmp_path, push_to_hub=True, repo_id=NAME)
    assert hub.files(NAME)[shard] == (tmp_path / shard).read_bytes() != first[shard]
    model.save_pretrained(tmp_path, push_to_hub=True, repo_id="org/tagged", tags=["wearable"])
    assert "wearable" in ModelCard(hub.files("org/tagged")["README.md"].decode()).data.tags


def test_private(hub, checkpoint, monkeypatch):
    push_folder(checkpoint, NAME, private=True)
    assert hub.repositories[NAME].private
    monkeypatch.setenv("HF_TOKEN", "hf_somebody_else")
    with pytest.raises(OSError, match="is not a local folder and is not a valid model identifier"):
        AutoModel.from_pretrained(NAME)


def test_another_commit_in_the_meantime(hub, checkpoint, monkeypatch):
    push_folder(checkpoint, NAME)
    (checkpoint / "results.json").write_text("{}")
    create_commit = HfApi.create_commit

    def late(self, *args, **kwargs):
        files = {**hub.files(NAME), "notes.txt": b"meanwhile"}
        hub.repositories[NAME].commit("main", files, "meanwhile")
        return create_commit(self, *args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", late)
    with pytest.raises(HfHubHTTPError, match="412"):
        push_folder(checkpoint, NAME)
    assert "results.json" not in hub.files(NAME) and hub.files(NAME)["notes.txt"] == b"meanwhile"


def break_index(folder):
    (folder / "model-audio.safetensors").unlink()


def break_shard(folder):
    path = folder / "model-audio.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def break_header(folder):
    path = folder / "model-audio.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])


def break_paths(folder):
    path = folder / "model.safetensors.index.json"
    path.write_text(path.read_text().replace('"model-audio.safetensors"', '"../model-audio.safetensors"'))


def empty(folder):
    for path in folder.glob("*.json"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_index, "is incomplete. Missing shards: model-audio.safetensors"),
        (break_shard, "model-audio.safetensors cannot be read"),
        (break_header, "model-audio.safetensors cannot be read"),
        (break_paths, "but got '../model-audio.safetensors'"),
        (empty, "has none of config.json"),
    ],
)
def test_a_broken_checkpoint_is_not_pushed(hub, checkpoint, damage, message):
    damage(checkpoint)
    with pytest.raises(ValueError, match=message):
        push_folder(checkpoint, NAME)
    assert not hub.repositories, "a repository was created"


def test_missing_folder():
    with pytest.raises(ValueError, match="Expected a folder, but 'nowhere' is not one"):
        push_folder("nowhere", NAME)


def test_model_and_processor_push_themselves(hub):
    model = ImageBindModel(make_config(modalities=["text", "imu"]))
    model.push_to_hub("mine", private=True, commit_message="weights", tags=["wearable"])
    ImageBindProcessor.from_config(model.config).push_to_hub("mine")
    repository = hub.repositories["org/mine"]
    assert repository.private
    assert [message for _, message in repository.messages] == [
        "initial commit",
        "weights",
        "Upload ImageBindProcessor",
    ]
    card = ModelCard(hub.files("org/mine")["README.md"].decode())
    assert (
        card.data.tags == ["imagebind", "text", "imu", "wearable"] and card.data.pipeline_tag == "feature-extraction"
    )
    assert 'from_pretrained("org/mine")' in card.text
    loaded = AutoModel.from_pretrained("org/mine").state_dict()
    assert all(loaded[name].equal(value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("cls", [ImageBindModel, ImageBindProcessor])
def test_signature_of_transformers(cls):
    ours, theirs = (inspect.signature(method).parameters for method in (cls.push_to_hub, PushToHubMixin.push_to_hub))
    assert list(ours) == list(theirs)
    assert {name: (entry.kind, entry.default) for name, entry in ours.items()} == {
        name: (entry.kind, entry.default) for name, entry in theirs.items()
    }


def test_pushing_again_replaces_as_in_transformers(hub):
    model = ImageBindModel(make_config(modalities=["text", "imu"]))
    model.push_to_hub(NAME)
    first = hub.files(NAME)
    with torch.no_grad():
        model.imu_projection.weight.zero_()
    commit = model.push_to_hub(NAME, commit_message="zeros", tags=["wearable"])
    assert commit.oid == hub.repositories[NAME].refs["main"] and commit.repo_url.repo_id == NAME
    assert not AutoModel.from_pretrained(NAME).imu_projection.weight.any()
    assert hub.files(NAME)["model-text.safetensors"] == first["model-text.safetensors"]
    # The card is kept, with the new tag.
    before, after = (ModelCard(files["README.md"].decode()) for files in (first, hub.files(NAME)))
    assert after.data.tags == [*before.data.tags, "wearable"] and after.text == before.text
    smaller = ImageBindModel(make_config(modalities=["imu"]))
    smaller.push_to_hub(NAME)
    assert "model-text.safetensors" not in hub.files(NAME)


def test_save_pretrained_with_push(hub, tmp_path):
    ImageBindModel(make_config(modalities=["imu"])).save_pretrained(tmp_path / "here", push_to_hub=True)
    assert "model-imu.safetensors" in hub.files("org/here")


def test_saving_another_state_dict_pushes_that(hub, tmp_path):
    model = ImageBindModel(make_config(modalities=["imu"]))
    average = {name: torch.full_like(tensor, 0.5) for name, tensor in model.state_dict().items()}
    model.save_pretrained(tmp_path / "ema", state_dict=average, push_to_hub=True)
    shard = "model-imu.safetensors"
    assert hub.files("org/ema")[shard] == (tmp_path / "ema" / shard).read_bytes()
    assert load_file(tmp_path / "ema" / shard)["imu_projection.weight"].eq(0.5).all()
    assert not model.imu_projection.weight.eq(0.5).all()
    model.push_to_hub("org/own")
    assert hub.files("org/own")[shard] != hub.files("org/ema")[shard], "the argument was kept"


# Adapters


@pytest.fixture
def adapter(checkpoint, tmp_path):
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(ImageBindModel.from_pretrained(checkpoint), LoraConfig(target_modules=["q_proj"]))
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_needs_a_base_model_on_the_hub(hub, adapter, checkpoint):
    with pytest.raises(ValueError, match="is the local folder"):
        push_folder(adapter, "org/adapter")
    push_folder(checkpoint, NAME)
    push_folder(adapter, "org/adapter", base_model=NAME)
    files = hub.files("org/adapter")
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == NAME
    assert str(checkpoint.parent).encode() not in b"".join(files.values()), "the adapter contains a local path"
    loaded = AutoModel.from_pretrained("org/adapter")
    assert any("lora_A" in name for name in loaded.state_dict())


def test_merged_weights_replace_an_adapter(hub, adapter, checkpoint):
    push_folder(adapter, NAME, base_model="org/base")
    with pytest.raises(ValueError, match=r"adapter_config.json, adapter_model.safetensors\. Replace"):
        push_folder(checkpoint, NAME)
    push_folder(checkpoint, NAME, overwrite=True)
    assert not [name for name in hub.files(NAME) if name.startswith("adapter")]


def test_an_adapter_beside_merged_weights(hub, adapter, checkpoint):
    adapter.rename(checkpoint / "adapter")
    push_folder(checkpoint, NAME)
    assert not any(name.startswith("adapter/") for name in hub.files(NAME))
    push_folder(checkpoint, NAME, base_model="org/base")
    assert json.loads(hub.files(NAME)["adapter/adapter_config.json"])["base_model_name_or_path"] == "org/base"


# Faults


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_temporary_errors_are_retried(hub, checkpoint, status):
    hub.faults += [
        Fault("PUT", "/lfs/", status=status, times=2),
        Fault("POST", "objects/batch", status=status),
        Fault("POST", "/preupload/", status=status),
    ]
    push_folder(checkpoint, NAME)
    assert "model-audio.safetensors" in hub.files(NAME)


def test_a_failed_upload_leaves_the_repository_unchanged_and_is_resumed(hub, checkpoint):
    hub.faults.append(Fault("PUT", "/lfs/", status=403, times=1))
    with pytest.raises((HfHubHTTPError, RuntimeError)):
        push_folder(checkpoint, NAME)
    assert set(hub.files(NAME)) == {".gitattributes"}
    sent = hub.uploads()
    hub.forget()
    push_folder(checkpoint, NAME)
    assert hub.uploads() == 6 - sent, "uploaded files are sent again"


def test_corrupted_uploads_are_refused(hub, checkpoint):
    hub.faults.append(Fault("PUT", "/lfs/", flip=True))
    with pytest.raises((HfHubHTTPError, RuntimeError)):
        push_folder(checkpoint, NAME)
    assert set(hub.files(NAME)) == {".gitattributes"}


def test_the_commit_is_refused(hub, checkpoint):
    hub.faults.append(Fault("POST", "/commit/", status=403))
    with pytest.raises(HfHubHTTPError, match="403"):
        push_folder(checkpoint, NAME)
    assert set(hub.files(NAME)) == {".gitattributes"}


# Tokens


def test_no_token(hub, checkpoint, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(checkpoint / "none"))
    with pytest.raises((LocalTokenNotFoundError, HfHubHTTPError), match=r"login|401"):
        push_folder(checkpoint, NAME)


def test_the_token_is_in_no_output(hub, checkpoint, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    hub.faults.append(Fault("POST", "/commit/", status=403))
    result = CliRunner().invoke(app, ["push", str(checkpoint), NAME])
    assert result.exit_code == 1 and "403" in result.output
    assert hub.requests[-1]["token"] == f"Bearer {TOKEN}"
    written = result.output + str(result.exception) + caplog.text + "".join(capfd.readouterr())
    assert TOKEN not in written
    assert TOKEN.encode() not in b"".join(hub.files(NAME).values())


def test_command(hub, checkpoint):
    runner = CliRunner()
    dry = runner.invoke(app, ["push", str(checkpoint), NAME, "--dry-run"])
    assert dry.exit_code == 0 and "model-audio.safetensors" in dry.output and not hub.repositories
    result = runner.invoke(app, ["push", str(checkpoint), NAME, "--private", "--message", "hello"])
    assert result.exit_code == 0 and f"{hub.url}/{NAME}/commit/" in result.output
    assert hub.repositories[NAME].private and hub.repositories[NAME].messages[-1] == ("main", "hello")
    (checkpoint / "README.md").write_text("mine")
    refused = runner.invoke(app, ["push", str(checkpoint), NAME])
    assert refused.exit_code == 1 and "Replace it (overwrite)" in refused.output
