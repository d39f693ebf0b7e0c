"""The cases that C++ runs, too: what PySpark gave for them is what comes out here."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

CONFORMANCE = pathlib.Path(__file__).parent.parent / "conformance"


def recorder(name, *arguments):
    """Runs a recorder against the pyspark of this test; a process each, for it makes a context."""
    done = subprocess.run(
        [sys.executable, "-B", *arguments], cwd=CONFORMANCE, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"}, timeout=240)
    assert done.returncode == 0, f"{name}:\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("cases", sorted(CONFORMANCE.glob("*.cases")), ids=lambda p: p.name)
def test_datasets(cases):
    recorder(cases.name, "record_from_pyspark.py", "--check", str(cases))


@pytest.mark.parametrize("batches", sorted(CONFORMANCE.glob("*.batches")), ids=lambda p: p.name)
def test_streams(batches, tmp_path):
    copy = tmp_path / batches.name
    shutil.copyfile(batches, copy)
    # Whole seconds would only be waited for: windows are told as numbers of batches.
    recorder(batches.name, "-c", "import record_batches_from_pyspark as recorder\n"
             f"recorder.BATCH = 0.5\nrecorder.record({str(copy)!r})")
    assert copy.read_text().splitlines() == batches.read_text().splitlines()
