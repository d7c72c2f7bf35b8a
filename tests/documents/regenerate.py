"""The schemas of our own files, made from the models: `python -m tests.documents.regenerate`."""

from __future__ import annotations

import json
from pathlib import Path

from margo_gitops.documents.own import MODELS
from margo_gitops.documents.schemas import address

FOLDER = Path(__file__).parents[2] / "schemas" / "own"


def generated(kind: str) -> str:
    """One kind's schema, as the committed file has it."""
    body = MODELS[kind].model_json_schema(by_alias=True)
    body["required"] = sorted({*body.get("required", []), "apiVersion", "kind"})
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address(f"own/{kind}"),
    }
    return json.dumps({**head, **body}, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in MODELS:
        (FOLDER / f"{kind}.json").write_text(generated(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
