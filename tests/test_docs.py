# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Every code block of the README and of docs/ runs as a reader would paste it; every link leads somewhere.

The Python blocks of a page run one after the other in one fresh interpreter, the bash blocks between them. What a page
uses is small here, by the rules below and nothing else. A block is left out only if the line before it says
`<!-- not run: reason -->`.
"""

import os
import re
import shutil
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import imageio_ffmpeg
import pytest
import typer
import yaml

from docs_files import write_files
from docs_runner import Block, commands, find_blocks, run_blocks
from hub_server import TOKEN, Repository, serve
from imagebind_hf.cli import app
from imagebind_hf.evaluation.config import load_benchmark
from imagebind_hf.training.recipe import Recipe, find_benchmark, load_recipe

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]

# What replaces names of large models, data and machines. Folders (`imagebind-huge`, `outputs/demo`, …) hold a tiny
# model with random weights, data sets a few rows (docs_files.py), and `org/…` is on a Hub on this machine.
SMALL = [
    (r"(?<=--model )M\b|(?<=export )M\b", "imagebind-huge"),
    (r"\bFOLDER\b", "data"),
    (
        r"(?<=convert )imagebind_huge\.pth (\S+)",
        r"imagebind_huge.pth \1 --original-config imagebind_tiny_original.json",
    ),
    (r"--multi_gpu", "--cpu --num_processes 1"),
    (r"\bcuda\b", "cpu"),
    (r"(--workers |num_workers=)\d+", r"\g<1>1"),
    (r"num_train_epochs=\d+", "num_train_epochs=1"),
]
# Commands that set up a machine: checked, not run.
CHECKED = {"pip", "make", "git", "cd", "apt", "apt-get", "hf", "source", "export"}
# A command that has its own test.
ELSEWHERE = {"imagebind-hf demo": "test_demo.py"}
RUN = {"imagebind-hf", "accelerate", "python", "pytest", "echo", "mkdir", "cat"}


def small(block: Block) -> Block:
    """Apply the rules to a block; training runs for one step a stage."""
    code = block.code
    for pattern, replacement in SMALL:
        code = re.sub(pattern, replacement, code)
    if block.language == "bash":
        lines = code.replace("\\\n", " ").splitlines()
        code = "\n".join(_one_step(line) for line in lines if not _is_set_up(line))
    return replace(block, code=code)


def _one_step(line: str) -> str:
    found = re.search(r"(?:imagebind-hf train|imagebind_hf\.training) (\S+)", line)
    if not found or "--print-config" in line:
        return line
    stages = range(len(load_recipe(found[1]).stages))
    command, _, comment = line.partition("#")
    return command + "".join(f" --set stages.{number}.arguments.max_steps=1" for number in stages)


def _is_set_up(line: str) -> bool:
    words = commands(line)
    return bool(words) and all(part[0] in CHECKED or " ".join(part[:2]) in ELSEWHERE for part in words)


def check_set_up(words: list[str]) -> None:
    """Check a command that would change the machine: extras and make targets exist, the program is known."""
    while "=" in words[0]:
        words = words[1:]
    program, *rest = words
    assert program in CHECKED | RUN, f"add a rule for {words}"
    if program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for word in rest:
            if found := re.fullmatch(r"(?:imagebind-hf|\.)\[(.*)\]", word):
                assert set(found[1].split(",")) <= project["optional-dependencies"].keys(), word
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(rest) <= set(targets), words


def check_yaml(block: Block, folder: Path) -> None:
    """Load a block with the loader that it is for; a part of a recipe inside the smallest recipe."""
    values, file = yaml.safe_load(block.code), folder / "block.yaml"
    if {"compute_environment", "distributed_type"} & values.keys():
        return
    stage = {"pairs": {"audio": {"images": {"data_files": "a.parquet"}}}}
    keys = {field.name for field in fields(Recipe)}
    if "title" in values:
        load = load_benchmark
    elif "stages" in values:
        load = load_recipe
    elif values.keys() <= keys - {"stages"}:
        load, values = load_recipe, {"model": {}, "stages": [stage], **values}
    else:
        load, values = load_recipe, {"model": {}, "stages": [{**stage, **values}]}
    file.write_text(yaml.safe_dump(values))
    load(file)


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    write_files(folder)
    return folder


@pytest.fixture
def workplace(files, tmp_path) -> Path:
    """A copy of the files, for one page."""
    shutil.copytree(files, tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def environment(workplace, tmp_path) -> dict[str, str]:
    """Variables of a process that knows the Hub, where `org/…` are, and finds our commands and ffmpeg."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    with serve() as hub:
        content = {
            str(file.relative_to(workplace / "imagebind-huge")): file.read_bytes()
            for file in (workplace / "imagebind-huge").rglob("*")
            if file.is_file()
        }
        for name in ("org/base", "org/name"):
            hub.repositories[name] = Repository(private=False)
            commit = hub.repositories[name].commit("main", content, "Upload")
            hub.repositories[name].refs["v2"] = commit
        yield {
            **os.environ,
            "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1",
        }
        # sentence-transformers looks up the name of a local folder on the Hub.
        unknown = [request for request in hub.unknown if request != "GET /api/models/imagebind-huge"]
        assert not unknown, "requests that this server has no route for"


def name_of(page: Path) -> str:
    return page.name


WITH_CODE = [page for page in PAGES if {block.language for block in find_blocks(page)} & {"python", "bash"}]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_code(page, workplace, environment):
    blocks = [small(block) for block in find_blocks(page) if block.language in ("python", "bash")]
    python = [block.code for block in blocks if block.language == "python"]
    if python:
        assert re.search(r"^(>>> )?(import|from) imagebind_hf", python[0], re.MULTILINE), "must import the package"
    run_blocks(blocks, workplace, environment)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_settings(page, tmp_path):
    for block in find_blocks(page):
        assert block.language in ("python", "bash", "yaml"), f"line {block.line}: no rule for {block.language}"
        if block.language == "bash":
            for words in commands(block.code):
                check_set_up(words)
        elif block.language == "yaml":
            check_yaml(block, tmp_path)
    for words in re.findall(r"`(make [\w-]+|pip install [^`]+)`", page.read_text(encoding="utf-8")):
        check_set_up(words.split())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_inside_sentences_exist(page):
    known = typer.main.get_command(app).commands
    for name, argument in re.findall(r"imagebind-hf ([a-z]+) ?(\w*)", page.read_text(encoding="utf-8")):
        assert name in known
        if name == "evaluate" and argument.islower():
            find_benchmark(argument)
