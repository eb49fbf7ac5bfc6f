# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import threading

import pytest

from imagebind_hf.utils.locks import one_writer


def other_process(folder, name: str = "writer") -> subprocess.CompletedProcess:
    script = (
        f"from imagebind_hf.utils.locks import one_writer\nwith one_writer({str(folder)!r}, {name!r}): print('in')"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_one_process_at_a_time(tmp_path):
    folder = tmp_path / "new"
    with one_writer(folder):
        with one_writer(folder, timeout=1):
            pass
        refused = other_process(folder)
        assert refused.returncode == 1 and f"Another process is writing to '{folder}'. Wait" in refused.stderr
        assert other_process(folder, "another").stdout == "in\n", "locks of other names are independent"
    assert other_process(folder).stdout == "in\n"


def test_one_thread_at_a_time(tmp_path):
    caught = []

    def write() -> None:
        try:
            with one_writer(tmp_path):
                pass
        except ValueError as error:
            caught.append(str(error))

    with one_writer(tmp_path):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(caught) == 1 and "Another process is writing" in caught[0]


def test_waiting_for_the_other_writer(tmp_path):
    holds = threading.Event()

    def write() -> None:
        with one_writer(tmp_path):
            holds.set()
            threading.Event().wait(0.3)

    thread = threading.Thread(target=write)
    thread.start()
    holds.wait()
    with pytest.raises(ValueError, match="Another process is writing"), one_writer(tmp_path):
        pass
    with one_writer(tmp_path, timeout=20):
        pass
    thread.join()
