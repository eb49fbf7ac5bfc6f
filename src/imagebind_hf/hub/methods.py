# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Methods that `registration.py` attaches to the model and the processor."""

import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


def push_to_hub(
    self: Any,
    repo_id: str,
    *,
    commit_message: str | None = None,
    commit_description: str | None = None,
    private: bool | None = None,
    token: bool | str | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    max_shard_size: int | str | None = "50GB",
    tags: list[str] | None = None,
) -> "CommitInfo":
    """Upload the files of a model or processor to the Hub, in one commit.

    Like [`~transformers.utils.PushToHubMixin.push_to_hub`], this replaces the files of an existing repository. In
    addition, a model gets a card that states its license, and weights in the repository that do not belong to the
    uploaded ones are deleted.

    Args:
        repo_id: `organization/name`, or `name` for your own account. It is created if it does not exist.
        commit_message: The commit message. `"Upload ImageBindModel"`, for example, by default.
        commit_description: The description of the commit.
        private: Whether a new repository is private. By default, the setting of the account decides.
        token: Access token. By default, that of `hf auth login` or of the environment variable `HF_TOKEN`.
        revision: Branch to commit to. It is created if it does not exist.
        create_pr: Whether to open a pull request instead of committing directly.
        max_shard_size: Has no effect: a checkpoint has one shard for each modality.
        tags: Tags that are added to the model card.

    Returns:
        The commit.
    """
    # The module imports the model, whose module is not complete when this method is attached.
    from .push import push_folder

    tags = [tags] if isinstance(tags, str) else list(tags or ())
    tags += [tag for tag in getattr(self, "model_tags", None) or () if tag not in tags]
    with tempfile.TemporaryDirectory() as folder:
        self.save_pretrained(folder)
        if hasattr(self, "save_modality_folders"):
            self.save_modality_folders(folder)
        return push_folder(
            folder,
            repo_id,
            commit_message=commit_message or f"Upload {type(self).__name__}",
            commit_description=commit_description,
            private=private,
            token=token,
            revision=revision,
            create_pr=create_pr,
            overwrite=True,
            tags=tags,
        )
