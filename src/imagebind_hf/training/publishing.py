# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""How a trainer publishes: transformers' methods, with our card and our rules of what leaves the machine."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, EvalResult, HfApi
from transformers import Trainer
from transformers.trainer_utils import HubStrategy
from transformers.utils import PushInProgress, logging

from ..hub.cards import write_card
from ..hub.push import holds_weights, push_folder
from .facts import run_facts, save_facts, stage_facts

logger = logging.get_logger(__name__)

_STAGING = "_pushing"


class PublishingTrainer(Trainer):
    """A [`~transformers.Trainer`] that pushes checkpoints of ImageBind."""

    def init_hf_repo(self, token: str | None = None, private: bool | None = None) -> None:
        """Make the repository, before training.

        Raises:
            ValueError: If it holds weights already, and the arguments do not say `hub_overwrite`.
        """
        super().init_hf_repo(token, private)
        # Runs what it is given one after the other.
        self._pushes = HfApi()
        if self.is_world_process_zero() and not self.args.hub_overwrite:
            api = HfApi(token=token or self.args.hub_token)
            if holds_weights(api, self.hub_model_id, self.args.hub_revision):
                raise ValueError(
                    f"{self.hub_model_id} holds weights already. Set hub_overwrite=True to replace them (also when a "
                    "run that pushed goes on), or another hub_model_id or hub_revision."
                )

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> CommitInfo | None:
        """Upload weights (or adapter), processor, card with training facts and the last evaluation, in one commit.

        Args:
            commit_message: What the history shows.
            blocking: Whether to wait for the upload; else a future is returned.
            token, revision, private: As in [`~imagebind_hf.hub.push_folder`].
            **kwargs: Passed on to [`create_model_card`].

        Returns:
            The commit; nothing in other processes than the first.

        Raises:
            ValueError: If the repository holds other weights, and the arguments do not say `hub_overwrite`.
        """
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        token = token if token is not None else self.args.hub_token
        if self.hub_model_id is None:
            self.init_hf_repo(token=token, private=private)
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card(**kwargs)
        self._finish_current_push()
        arguments = self._push_arguments(commit_message, token, revision)
        if blocking:
            return push_folder(self.args.output_dir, self.hub_model_id, **arguments)
        return self._pushes.run_as_future(push_folder, self.args.output_dir, self.hub_model_id, **arguments)

    def create_model_card(
        self, model_name: str | None = None, tags: str | Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        """Write `README.md` and `training.json` to the output folder, from what the trainer knows.

        Args:
            model_name: Name of the repository; by default that of `hub_model_id` or of the output folder.
            tags: Further tags.
            **kwargs: transformers' other arguments; the facts stand for themselves.
        """
        if self.is_world_process_zero():
            self._write_card(Path(self.args.output_dir), model_name, [tags] if isinstance(tags, str) else tags)

    def _write_card(self, folder: Path, name: str | None = None, tags: Sequence[str] | None = None) -> None:
        config = self.accelerator.unwrap_model(self.model).config
        is_adapter = self.args.lora is not None
        base = config.name_or_path or None
        facts = run_facts([stage_facts(self)], base_model=base)
        save_facts(folder, facts)
        title = name or self.hub_model_id or Path(self.args.output_dir).name
        metrics = _last_evaluation(self.state.log_history)
        write_card(
            folder,
            config,
            title=title,
            base=base,
            is_adapter=is_adapter,
            training=facts,
            results="\n".join(f"{name:<40}{value:8.3f}" for name, value in metrics.items()),
            eval_results=[_eval_result(name, value, title) for name, value in metrics.items()],
            tags=tags,
        )

    def _push_arguments(self, message: str | None, token: str | None, revision: str | None = None) -> dict[str, Any]:
        return {
            "commit_message": message or "Upload ImageBind",
            "token": token,
            "revision": revision if revision is not None else self.args.hub_revision,
            # What was there before this run was looked at when it began.
            "overwrite": True,
        }

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Push a checkpoint while training goes on; of its files those that load a model, and no pickles."""
        strategy = self.args.hub_strategy
        if not self.is_world_process_zero() or strategy == HubStrategy.END:
            return
        is_busy = self.push_in_progress is not None and not self.push_in_progress.is_done()
        if is_busy and not self.args.hub_always_push:
            return
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        message = f"Training in progress, step {self.state.global_step}"
        # Linked aside: the checkpoint moves, and may be rotated away, before it is uploaded.
        staging = Path(self.args.output_dir) / _STAGING / str(self.state.global_step)
        _link_files(Path(checkpoint_folder), staging)
        self._write_card(staging, self.hub_model_id)
        # These are asked for by name: all that a run needs to go on, its optimiser's state with it.
        whole = {
            HubStrategy.CHECKPOINT: "last-checkpoint",
            HubStrategy.ALL_CHECKPOINTS: Path(checkpoint_folder).name,
        }.get(strategy)
        arguments = self._push_arguments(message, self.args.hub_token)
        job = self._pushes.run_as_future(_push_and_remove, staging, self.hub_model_id, whole, arguments)
        if is_busy:
            self.push_in_progress.jobs.append(job)
        else:
            self.push_in_progress = PushInProgress([job])


def _push_and_remove(staging: Path, repo_id: str, whole: str | None, arguments: dict[str, Any]) -> None:
    """Push a staged checkpoint, and all of its files once more to the folder `whole`, if that is given."""
    try:
        push_folder(staging, repo_id, **arguments)
        if whole is not None:
            HfApi(token=arguments["token"]).upload_folder(
                repo_id=repo_id,
                folder_path=staging,
                path_in_repo=whole,
                commit_message=f"{arguments['commit_message']}, checkpoint",
                revision=arguments["revision"],
            )
    except Exception as error:
        # Training goes on; the next push brings what this one did not.
        logger.warning(f"{arguments['commit_message']}: this push to {repo_id} failed: {error}")
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link_files(folder: Path, target: Path) -> None:
    """Make the files of a folder appear in another; weights without copying, where the disk allows."""
    shutil.rmtree(target, ignore_errors=True)
    for path in folder.rglob("*"):
        place = target / path.relative_to(folder)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        # Other files may be written anew in their place, through a link.
        if path.suffix != ".safetensors" or not _link(path, place):
            shutil.copyfile(path, place)


def _link(path: Path, place: Path) -> bool:
    try:
        os.link(path, place)
    except OSError:
        return False
    return True


def _last_evaluation(log_history: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the newest accuracies and recalls of a run's log."""
    for entry in reversed(log_history):
        metrics = {
            name.removeprefix("eval_"): float(value)
            for name, value in entry.items()
            if name.startswith("eval_") and ("accuracy" in name or "recall" in name)
        }
        if metrics:
            return metrics
    return {}


def _eval_result(name: str, value: float, dataset: str) -> EvalResult:
    task = "zero-shot-classification" if name.endswith("accuracy") else "retrieval"
    return EvalResult(
        task_type=task,
        dataset_type=dataset,
        dataset_name=dataset,
        metric_type="accuracy" if name.endswith("accuracy") else name.rpartition("_")[2],
        metric_name=name,
        metric_value=round(value, 4),
    )
