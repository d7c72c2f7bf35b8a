"""The benchmark runs, shows every case, and the two promises that no machine excuses hold."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import CASES, measure
from tests.bench.page import page
from tests.bench.result import Bench
from tests.engines import require
from tests.servers import problem


# An agent's connections end with its process; here several agents live in that of the test.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.git_http
@pytest.mark.timeout(300)
def test_the_quick_benchmark_shows_every_case_and_keeps_two_promises(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    require("git-http", problem())
    bench = Bench(tmp_path_factory.mktemp("bench"), quick=True, rounds=2)
    sections = measure(bench, list(CASES))
    text = page(sections)
    assert all(f"| {row} |" in text for section in sections for row in section.rows)
    assert text.count("go-git is not compared: a quick run.") == 1
    hard = [
        target
        for section in sections
        for target in section.targets
        if "receives" in target.promise or "a second a core" in target.promise
    ]
    assert len(hard) == 3
    assert [target for target in hard if not target.met] == []
