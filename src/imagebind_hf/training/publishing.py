# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Publishing: the trainer methods that push to the Hub, with the model card and the file selection of this package."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, EvalResult, HfApi
from transformers import Trainer
from transformers.trainer_utils import HubStrategy
from transformers.utils import PushInProgress, logging

from ..hub.cards import write_card
from ..hub.push import holds_weights, push_folder
from .facts import run_facts, save_facts, stage_facts
from .pairs import Pairs

logger = logging.get_logger(__name__)

_STAGING = "_pushing"


class PublishingTrainer(Trainer):
    """A [`~transformers.Trainer`] that pushes ImageBind checkpoints.

    Subclasses set `pairs`, the kinds of pairs by name, and `trained`, the names of the trained towers.
    """

    pairs: Mapping[str, Pairs]
    trained: Sequence[str]

    def stage_facts(self, name: str = "training") -> dict[str, Any]:
        """Return the facts of the run so far; see [`~imagebind_hf.training.facts.stage_facts`]."""
        return stage_facts(self.args, self.state, self.pairs, self.trained, self._train_batch_size, name)

    def init_hf_repo(self, token: str | None = None, private: bool | None = None) -> None:
        """Create the repository, before training.

        Raises:
            ValueError: If the repository already has weights and `hub_overwrite` is not set.
        """
        super().init_hf_repo(token, private)
        # Its background jobs run one after the other.
        self._pushes = HfApi()
        if self.is_world_process_zero() and not self.args.hub_overwrite:
            api = HfApi(token=token or self.args.hub_token)
            if holds_weights(api, self.hub_model_id, self.args.hub_revision):
                raise ValueError(
                    f"{self.hub_model_id} already has weights. Set `hub_overwrite=True` to replace them, "
                    "also when resuming a run that pushed them, or use another `hub_model_id` or `hub_revision`."
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
        """Upload the weights or adapter, the processor, and a card with training facts and the last evaluation.

        Args:
            commit_message: The commit message.
            blocking: Whether to wait for the upload. Otherwise, a future is returned.
            token, revision, private: See [`~imagebind_hf.hub.push_folder`].
            **kwargs: Passed to [`create_model_card`].

        Returns:
            The commit in the main process, `None` in all others.

        Raises:
            ValueError: If the repository already has other weights and `hub_overwrite` is not set.
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
        """Write `README.md` and `training.json` to the output folder.

        Args:
            model_name: Title of the card. Defaults to `hub_model_id`, or to the name of the output folder.
            tags: Additional tags.
            **kwargs: Other arguments of transformers. They are ignored, because the card is written from the run.
        """
        if self.is_world_process_zero():
            self._write_card(Path(self.args.output_dir), model_name, [tags] if isinstance(tags, str) else tags)

    def _write_card(self, folder: Path, name: str | None = None, tags: Sequence[str] | None = None) -> None:
        config = self.accelerator.unwrap_model(self.model).config
        is_adapter = self.args.lora is not None
        base = config.name_or_path or None
        facts = run_facts([self.stage_facts()], base_model=base)
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
            # `init_hf_repo` has checked the content that existed before this run.
            "overwrite": True,
        }

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Push a checkpoint during training: the files that load a model, without pickles."""
        strategy = self.args.hub_strategy
        if not self.is_world_process_zero() or strategy == HubStrategy.END:
            return
        is_busy = self.push_in_progress is not None and not self.push_in_progress.is_done()
        if is_busy and not self.args.hub_always_push:
            return
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        message = f"Training in progress, step {self.state.global_step}"
        # The checkpoint folder is renamed, and may be deleted by rotation, before the upload ends.
        staging = Path(self.args.output_dir) / _STAGING / str(self.state.global_step)
        _link_files(Path(checkpoint_folder), staging)
        self._write_card(staging, self.hub_model_id)
        # These two strategies also upload everything that a run needs to resume, such as the optimizer state.
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
    """Push a staged checkpoint. If `whole` is given, also upload all of its files to that folder."""
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
        # Training continues. The next push uploads all files that this one did not.
        logger.warning(f"Failed to push '{arguments['commit_message']}' to {repo_id}: {error}")
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _link_files(folder: Path, target: Path) -> None:
    """Copy the files of a folder. Weights are hard links if the file system supports them."""
    shutil.rmtree(target, ignore_errors=True)
    for path in folder.rglob("*"):
        copy = target / path.relative_to(folder)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Other files may be overwritten in copy, which would also change the link.
        if path.suffix != ".safetensors" or not _link(path, copy):
            shutil.copyfile(path, copy)


def _link(path: Path, copy: Path) -> bool:
    try:
        os.link(path, copy)
    except OSError:
        return False
    return True


def _last_evaluation(log_history: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the latest accuracies and recalls in the log of a run."""
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
