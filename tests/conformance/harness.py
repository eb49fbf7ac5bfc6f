#!/usr/bin/env python
# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run the common tests of the installed transformers release on the classes of imagebind-hf.

    python tests/conformance/harness.py [pytest arguments]

The source distribution of transformers contains the mixins that test all of its models (`tests/test_*_common.py`,
`tests/test_*_mixin.py`); the wheel does not. The first run downloads it and unpacks the tests to `.tree/<version>/`.
Modules that it does not contain (generation, exporters, pipelines, fixtures of the Hub) are replaced by stand-ins in
`overlay/`. `specs.py` lists the mixins for each class, and the skipped tests with reasons.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def prepare(version: str, tree: Path) -> None:
    """Create a folder in which the tests of a transformers release find all modules that they import."""
    staging = tree.with_name(tree.name + ".partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "transformers"]
        subprocess.run([*pip, "--dest", folder, f"transformers=={version}"], check=True)
        prefix = f"transformers-{version}/"
        with tarfile.open(Path(folder) / f"transformers-{version}.tar.gz") as archive:
            members = [member for member in archive if member.isfile() and member.name.startswith(prefix + "tests/")]
            if not members:
                raise SystemExit(f"The source distribution of transformers {version} contains no tests.")
            for member in members:
                target = staging / member.name.removeprefix(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
    tests = staging / "tests"
    shutil.copytree(HERE / "overlay", staging, dirs_exist_ok=True)
    (tests / "utils" / "tiny_model_summary.json").write_text("{}")
    _write_missing_pipeline_tests(tests)
    _write_pytest_ini(staging)
    (tests / "models" / "imagebind").mkdir(parents=True, exist_ok=True)
    module = tests / "models" / "imagebind" / "test_processing_imagebind.py"
    module.write_text("from suites import load\n\n\nglobals().update(load(__name__))\n")
    for folder in [tests, *(path for path in tests.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()
    # The mixin of the pipelines imports transformers again from <root>/src: link the installed package there.
    package = Path(importlib.util.find_spec("transformers").origin).resolve().parent
    (staging / "src").mkdir()
    (staging / "src" / "transformers").symlink_to(package, target_is_directory=True)
    staging.rename(tree)


def _write_missing_pipeline_tests(tests: Path) -> None:
    """Write empty tests for the pipelines without a stand-in, because the mixin imports a module for each one."""
    mixin = (tests / "test_pipeline_mixin.py").read_text()
    named = re.findall(r"tests\.pipelines\.(test_pipelines_\w+)\.(\w+)", mixin)
    named += re.findall(r"from \.pipelines\.(test_pipelines_\w+) import (\w+)", mixin)
    for module, name in named:
        file = tests / "pipelines" / f"{module}.py"
        if not file.exists():
            method = "    def get_test_pipeline(self, *args, **kwargs):\n        return None, None\n"
            file.write_text(f"class {name}:\n{method}")


def _write_pytest_ini(tree: Path) -> None:
    sources = "".join(path.read_text() for path in (tree / "tests").rglob("*.py"))
    marks = {"is_pipeline_test", "is_staging_test", "generate", *re.findall(r"mark\.(\w+)", sources)}
    marks -= {"skip", "skipif", "parametrize", "usefixtures", "xfail"}
    lines = [
        "[pytest]",
        "addopts = -W ignore",
        "markers =",
        *(f"    {mark}: of transformers" for mark in sorted(marks)),
    ]
    (tree / "pytest.ini").write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> int:
    """Run the tests and return the exit status of pytest."""
    version = importlib.metadata.version("transformers")
    tree = HERE / ".tree" / version
    if not tree.is_dir():
        prepare(version, tree)
    path = [str(tree), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
    }
    target = tree / "tests" / "models" / "imagebind" / "test_processing_imagebind.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tree)]
    command += ["-c", str(tree / "pytest.ini"), str(target), *(arguments or ["-q"])]
    return subprocess.call(command, cwd=tree, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
