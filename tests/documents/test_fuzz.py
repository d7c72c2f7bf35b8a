"""Fuzzing in a process of its own, so that its memory can be judged."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents.fuzz import SEEDS, broken, feed

ANYTHING = st.builds(
    lambda seed, tail: broken(random.Random(seed)) + tail, st.integers(), st.binary(max_size=40)
)


@given(st.binary(max_size=400) | st.sampled_from(SEEDS) | ANYTHING)
def test_whatever_is_fed_is_a_finding_or_a_document(data: bytes) -> None:
    feed(data)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [1, int(os.environ.get("MARGO_FUZZ_SEED", "2"))])
def test_no_document_crashes_hangs_or_swells_what_reads_it(seed: int) -> None:
    words = ["--runs", "2500", "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.documents.fuzz", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout)
    assert figures["peakMegabytes"] < 200
    assert figures["slowestSeconds"] < 1
