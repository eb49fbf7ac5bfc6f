# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `imagebind-hf`, with a command for each thing to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ..utils.atomic import replace_text
from .options import check_options

app = typer.Typer(
    help="ImageBind as a native Hugging Face model.", no_args_is_help=True, pretty_exceptions_enable=False
)


@contextmanager
def _errors() -> Iterator[None]:
    """Show bad input as a message, not a traceback."""
    try:
        yield
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


def _report(shown: str, results: dict[str, Any], output: Path | None) -> None:
    """Print results, and then write them: what was computed is seen even if the disk is full."""
    typer.echo(shown)
    if output is not None:
        replace_text(output, json.dumps(results, indent=2, default=str) + "\n")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="A published checkpoint (.pth); with --to-original a folder.")],
    output: Annotated[Path, typer.Argument(help="The folder to make; with --to-original a .pth file.")],
    original_config: Annotated[
        Path | None, typer.Option(help="JSON with the published constructor's arguments. Default: imagebind_huge.")
    ] = None,
    to_original: Annotated[bool, typer.Option("--to-original", help="Convert back to the published format.")] = False,
) -> None:
    """Convert the published checkpoint to a repository of ours, or back, bit for bit."""
    from ..hub.convert import convert_checkpoint, convert_to_original

    with _errors():
        if to_original:
            written = convert_to_original(checkpoint, output)
        else:
            written = convert_checkpoint(checkpoint, output, original_config)
    typer.echo(f"Wrote {written}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a recipe of this package.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the recipe's data files.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the trained model.")] = Path("outputs"),
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value.")] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the recipe as it would run.")] = False,
) -> None:
    """Train as a recipe says, save the model, and measure it."""
    from dataclasses import asdict

    import yaml

    from ..evaluation.measure import format_results
    from ..training.recipe import load_recipe
    from ..training.run import run_recipe

    with _errors():
        loaded = load_recipe(recipe, overrides)
        if print_config:
            typer.echo(yaml.safe_dump(asdict(loaded), sort_keys=False))
            return
        results = run_recipe(loaded, data, output)
    if results:
        typer.echo(format_results(results, reference=loaded.reference))
        typer.echo(f"Saved {output}")


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the model and the picture.")] = Path("outputs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of data and training.")] = 0,
) -> None:
    """Train a small model on six digits, reload it, ask it, draw what it learned. Two and a half minutes on a CPU."""
    from ..demo import run_demo

    with _errors():
        run_demo(output, seed, typer.echo)


@app.command()
def embed(
    inputs: Annotated[list[Path], typer.Argument(help="Files, folders, tar archives, parquet, saved data sets.")],
    model: Annotated[str, typer.Option(help="Folder or Hub id of the model.")],
    output: Annotated[Path, typer.Option(help="Folder for the vectors; one of the same job is completed.")],
    modality: Annotated[str | None, typer.Option(help="What pictures, columns or members are.")] = None,
    column: Annotated[str | None, typer.Option(help="Column of a data set, where not named as the modality.")] = None,
    file_format: Annotated[str, typer.Option("--format", help="parquet or safetensors.")] = "parquet",
    part_size: Annotated[int, typer.Option(help="Items in a file.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Items that are computed together.")] = 64,
    workers: Annotated[int, typer.Option(help="Processes that read and decode.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="Where to compute. Default: an accelerator, if there is one.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    engine: Annotated[str, typer.Option(help="local (also under accelerate launch) or ray.")] = "local",
    actors: Annotated[int, typer.Option(help="With ray: processes that compute.")] = 2,
) -> None:
    """Embed files, folders, archives and data sets of any modalities; goes on where it was stopped."""
    import torch
    from accelerate import PartialState

    from ..embedding import EmbeddingJob, find_items

    with _errors():
        if engine not in ("local", "ray"):
            raise ValueError(f"--engine is {engine!r}, expected 'local' or 'ray'.")
        if column is not None and modality is None:
            raise ValueError("--column needs --modality: what is in it?")
        # With Ray, it is the cluster's.
        check_options(None if engine == "ray" else device, dtype, batch_size)
        items = find_items(inputs, modality, None if column is None else {modality: column})
        # Every process of `accelerate launch` takes its share, on its own device.
        state = PartialState(cpu=device == "cpu" or not torch.accelerator.is_available())
        if device is None and state.num_processes > 1:
            device = str(state.device)
        job = EmbeddingJob(items, output, model, file_format, part_size, batch_size, workers, device, dtype)
        if engine == "ray":
            from ..embedding.ray import run_with_ray

            result = run_with_ray(job, actors)
        else:
            job.run(state.process_index, state.num_processes, progress=state.is_local_main_process)
            state.wait_for_everyone()
            result = job.result()
    if state.is_main_process:
        typer.echo(f"{result.embedded} vectors in {output}, {len(result.unreadable)} items could not be read")
        for entry in result.unreadable[:10]:
            typer.echo(f"  {entry['id']}: {entry['why']}", err=True)
    if not result.embedded:
        raise typer.Exit(1)


@app.command()
def index(
    store: Annotated[Path, typer.Option(help="Folder of the store; one that is there is brought up to date.")],
    inputs: Annotated[
        list[Path] | None, typer.Argument(help="Files, folders, tar archives, parquet, saved data sets.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Folder or Hub id. Default: the store's.")] = None,
    modality: Annotated[str | None, typer.Option(help="What pictures, columns or members are.")] = None,
    column: Annotated[str | None, typer.Option(help="Column of a data set, where not named as the modality.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Id, file or folder to remove. May be repeated.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what is no longer there.")] = False,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Make the approximate index now; by itself from 5,000 items on.")
    ] = False,
    part_size: Annotated[int, typer.Option(help="Items in a commit: so many are done again after a kill.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Items that are computed together.")] = 64,
    workers: Annotated[int, typer.Option(help="Processes that read and decode.")] = 0,
    device: Annotated[str | None, typer.Option(help="Where to compute; an accelerator if there is one.")] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
) -> None:
    """Embed files and data sets of any modalities into a store to search; only what is new or has changed."""
    with _errors():
        from ..search.command import run_index

        check_options(device, dtype, batch_size)
        options = {"batch_size": batch_size, "num_workers": workers, "device": device, "dtype": dtype}
        arguments = (store, inputs or (), model, modality, column, remove or (), prune, approximate, part_size)
        for line in run_index(*arguments, **options):
            typer.echo(line)


@app.command()
def search(
    store: Annotated[Path, typer.Option(help="Folder of the store.")],
    text: Annotated[list[str] | None, typer.Option(help="A text. This and all that follow may be repeated.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="A picture.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="A video.")] = None,
    audio: Annotated[list[str] | None, typer.Option(help="A sound.")] = None,
    depth: Annotated[list[str] | None, typer.Option(help="A depth map.")] = None,
    thermal: Annotated[list[str] | None, typer.Option(help="A thermal picture.")] = None,
    imu: Annotated[list[str] | None, typer.Option(help="Motion, a CSV file.")] = None,
    minus_text: Annotated[list[str] | None, typer.Option(help="A text to take away.")] = None,
    weight: Annotated[list[str] | None, typer.Option(help="audio=0.5, minus-text=0.3: 1 by default.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many results.")] = 10,
    only: Annotated[list[str] | None, typer.Option(help="Only items of this modality. May be repeated.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with all, not by the approximate index.")] = False,
    html: Annotated[Path | None, typer.Option(help="File for a page of results, with their pictures inside.")] = None,
    model: Annotated[str | None, typer.Option(help="Where the store's model is now, if it has moved.")] = None,
    device: Annotated[str | None, typer.Option(help="Where to compute; an accelerator if there is one.")] = None,
) -> None:
    """Search a store with any mixture of a text, a picture, a sound, …, added up by weights."""
    with _errors():
        from ..search.command import run_search, weigh

        check_options(device)
        given = {"text": text, "image": image, "video": video, "audio": audio, "depth": depth, "thermal": thermal}
        parts = weigh({**given, "imu": imu, "minus-text": minus_text}, weight or [])
        for line in run_search(store, parts, model, k, only, exact, html, device):
            typer.echo(line)


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Folder or Hub id of the model.")],
    output: Annotated[Path, typer.Argument(help="Folder for the ONNX files.")],
    modality: Annotated[list[str] | None, typer.Option(help="Which; all by default. May be repeated.")] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Write files with matrices of 8 bits too.")] = False,
) -> None:
    """Write an ONNX file for each modality, checked against the model."""
    from ..deploy.onnx import export_onnx

    with _errors():
        files = export_onnx(model, output, modality, int8)
    for name, file in files.items():
        typer.echo(f"{name}: {file}, {file.stat().st_size / 2**20:.1f} MiB")


@app.command()
def evaluate(
    benchmark: Annotated[str, typer.Argument(help="Name of a benchmark or recipe of this package, or a YAML file.")],
    model: Annotated[str, typer.Option(help="Folder or Hub id of the model.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the benchmark's files.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A Hub id, instead of the benchmark's own data set.")] = None,
    output: Annotated[Path | None, typer.Option(help="File for the results, as JSON.")] = None,
    batch_size: Annotated[int, typer.Option(help="Items that are computed together.")] = 64,
    device: Annotated[str | None, typer.Option(help="Where to compute; an accelerator if there is one.")] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Change the benchmark: a.b=value.")] = None,
) -> None:
    """Measure a model: zero-shot classification, retrieval, few-shot probes, beside the paper's figures."""
    from ..evaluation.command import run_benchmark
    from ..training.recipe import find_benchmark

    with _errors():
        check_options(device, dtype, batch_size, output)
        found = find_benchmark(benchmark, overrides)
        shown, results = run_benchmark(found, benchmark, model, data, dataset, batch_size, device, dtype)
        _report(shown, results, output)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="Folder of videos, with sounds of their names or with their own.")],
    model: Annotated[str, typer.Option(help="Folder or Hub id of the model.")],
    output: Annotated[Path | None, typer.Option(help="File for the scores of all clips, as JSON.")] = None,
    batch_size: Annotated[int, typer.Option(help="Clips that are computed together.")] = 4,
) -> None:
    """Compute the ImageBind score of videos and their sounds: mean cosine times 100."""
    from ..evaluation.command import run_score

    with _errors():
        check_options(batch_size=batch_size, output=output)
        shown, result = run_score(folder, model, batch_size)
        _report(shown, result, output)


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="A saved checkpoint: model, adapter, processor, or all of it.")],
    repo_id: Annotated[str, typer.Argument(help="org/name on the Hub; made if it is not there.")],
    message: Annotated[str, typer.Option(help="What the history shows.")] = "Upload ImageBind",
    private: Annotated[bool | None, typer.Option("--private/--public", help="Of a new repository.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch; made if it is not there.")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that differ.")] = False,
    base_model: Annotated[str | None, typer.Option(help="Hub id of the model that an adapter belongs to.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be uploaded, and stop.")] = False,
) -> None:
    """Publish a checkpoint on the Hub, in one commit. Log in before, with `hf auth login` or HF_TOKEN."""
    from ..hub.push import check_files, find_files, push_folder

    with _errors():
        if dry_run:
            files = find_files(folder)
            check_files(folder, files)
            for name, file in files.items():
                typer.echo(f"{file.stat().st_size / 2**20:10.2f} MiB  {name}")
            return
        commit = push_folder(
            folder,
            repo_id,
            commit_message=message,
            private=private,
            revision=revision,
            create_pr=create_pr,
            overwrite=overwrite,
            base_model=base_model,
        )
    typer.echo(commit.pr_url or commit.commit_url)


if __name__ == "__main__":
    app()
