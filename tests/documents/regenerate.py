"""Every schema, made from the models and the shapes: `python -m tests.documents.regenerate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from margo_gitops.documents import schemas
from margo_gitops.documents.dialects import DIALECTS, Kind
from margo_gitops.documents.own import MODELS
from margo_gitops.documents.shapes import picking, schema_of

FOLDER = Path(__file__).parents[2] / "schemas"

PICKED = (Kind.DESCRIPTION, Kind.CAPABILITIES)

_HEAD = {
    "apiVersion": "The format of this file, margo-gitops/v1.",
    "kind": "What this file is.",
}


class _Untitled(GenerateJsonSchema):
    """An editor would show a made-up title, `Apiversion`, above what there is to say."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def every() -> dict[str, dict[str, Any]]:
    """Name to schema: `own/<Kind>`, `margo/<Kind>.<dialect>`, and the picking `margo/<Kind>`."""
    return {
        **{f"own/{kind}": _own(kind) for kind in MODELS},
        **{
            schemas.margo(kind, dialect): schema_of(kind, dialect)
            for kind, dialects in DIALECTS.items()
            for dialect in dialects
        },
        **{f"margo/{kind}": picking(kind) for kind in PICKED},
    }


def written(schema: dict[str, Any]) -> str:
    """A schema as the committed file has it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _own(kind: str) -> dict[str, Any]:
    body = MODELS[kind].model_json_schema(by_alias=True, schema_generator=_Untitled)
    body["required"] = sorted({*body.get("required", []), *_HEAD})
    for part in (body, *body.get("$defs", {}).values()):
        for name in _HEAD.keys() & part.get("properties", {}).keys():
            part["properties"][name]["description"] = _HEAD[name]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schemas.address(f"own/{kind}"),
    }
    return {**head, **body}


def main() -> None:
    """Write them all, and remove what is left over."""
    made = {FOLDER / f"{name}.json": written(schema) for name, schema in every().items()}
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in set(FOLDER.glob("*/*.json")) - made.keys():
        path.unlink()


if __name__ == "__main__":
    main()
