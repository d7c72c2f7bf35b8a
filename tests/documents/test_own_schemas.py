from __future__ import annotations

import pytest

from margo_gitops.documents.own import MODELS
from tests.documents.regenerate import FOLDER, generated


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_the_committed_schema_is_the_one_that_the_model_gives(kind: str) -> None:
    committed = (FOLDER / f"{kind}.json").read_text(encoding="utf-8")
    assert committed == generated(kind), "run: python -m tests.documents.regenerate"


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(MODELS)
