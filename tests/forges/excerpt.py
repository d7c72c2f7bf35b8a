"""Makes `openapi/*.json`: what of each forge's description the doubles are held to.

`python -m tests.forges.excerpt` fetches the packages named below with npm and takes the operations
in `OPERATIONS` with all the schemas that they need; words for people are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gitlab.v4 import objects

from tests.forges.typescript import Schema, Types

HERE = Path(__file__).parent / "openapi"
GITHUB = "@octokit/openapi@23.0.2"
FORGEJO = "@llamaduck/forgejo-ts@15.0.9"
GITLAB = "@gitbeaker/core@43.8.0"

GITHUB_OPERATIONS = """
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
PATCH /repos/{owner}/{repo}/pulls/{pull_number}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}
GET /repos/{owner}/{repo}/commits/{ref}/status
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews
GET /repos/{owner}/{repo}/branches/{branch}/protection
GET /repos/{owner}/{repo}/rules/branches/{branch}
GET /repos/{owner}/{repo}
GET /user
"""
FORGEJO_OPERATIONS = """
RepoListPullRequests RepoCreatePullRequest RepoGetPullRequestByBaseHead RepoEditPullRequest
RepoListPullReviews IssueGetComments IssueCreateComment IssueEditComment IssueDeleteComment
RepoGetCombinedStatusByRef RepoCreateStatus RepoListBranchProtection RepoGet UserGetCurrent
"""
PROJECT = "/api/v4/projects/{id}"
REQUESTS = f"{PROJECT}/merge_requests"
STATUSES = f"{PROJECT}/repository/commits/{{sha}}/statuses"
GITLAB_OPERATIONS = (
    ("GET", REQUESTS, "200", "MergeRequestSchema[]", "ProjectMergeRequestManager"),
    ("POST", REQUESTS, "201", "MergeRequestSchema", "ProjectMergeRequestManager"),
    ("PUT", f"{REQUESTS}/{{iid}}", "200", "MergeRequestSchema", "ProjectMergeRequestManager"),
    ("GET", f"{REQUESTS}/{{iid}}/notes", "200", "NoteSchema[]", "ProjectMergeRequestNoteManager"),
    ("POST", f"{REQUESTS}/{{iid}}/notes", "201", "NoteSchema", "ProjectMergeRequestNoteManager"),
    (
        "PUT",
        f"{REQUESTS}/{{iid}}/notes/{{note}}",
        "200",
        "NoteSchema",
        "ProjectMergeRequestNoteManager",
    ),
    ("DELETE", f"{REQUESTS}/{{iid}}/notes/{{note}}", "204", "", "ProjectMergeRequestNoteManager"),
    (
        "GET",
        f"{REQUESTS}/{{iid}}/approvals",
        "200",
        "MergeRequestLevelMergeRequestApprovalSchema",
        "ProjectMergeRequestApprovalManager",
    ),
    ("GET", STATUSES, "200", "CommitStatusSchema[]", "ProjectCommitStatusManager"),
    (
        "POST",
        f"{PROJECT}/statuses/{{sha}}",
        "201",
        "CommitStatusSchema",
        "ProjectCommitStatusManager",
    ),
    (
        "GET",
        f"{PROJECT}/protected_branches",
        "200",
        "ProtectedBranchSchema[]",
        "ProjectProtectedBranchManager",
    ),
    ("GET", PROJECT, "200", "ProjectSchema", "ProjectManager"),
    ("GET", "/api/v4/user", "200", "ExpandedUserSchema", "CurrentUserManager"),
)
_PAGED = ("page", "per_page", "order_by", "sort")
_WORDS = {"description", "example", "examples", "title", "externalDocs", "summary", "format"}
_WORDS |= {"default", "deprecated"}


def main() -> None:
    """Write all three."""
    with tempfile.TemporaryDirectory() as folder:
        _write("github", github(_package(GITHUB, Path(folder))), GITHUB, "MIT")
        _write("forgejo", forgejo(_package(FORGEJO, Path(folder))), FORGEJO, "MIT")
        known = f"{GITLAB} and python-gitlab {version('python-gitlab')}"
        _write("gitlab", gitlab(_package(GITLAB, Path(folder))), known, "MIT; LGPL-3.0-or-later")


def github(package: Path) -> dict[str, Any]:
    """GitHub's own OpenAPI description."""
    whole = json.loads((package / "generated" / "api.github.com.json").read_text())
    schemas: dict[str, Schema] = {}
    operations = []
    for line in GITHUB_OPERATIONS.split("\n"):
        if line:
            method, path = line.split()
            found = whole["paths"][path][method.lower()]
            query = [_reach(whole, p) for p in found.get("parameters", [])]
            body = _reach(whole, found.get("requestBody", {}))
            replies = {c: _reach(whole, r) for c, r in found["responses"].items()}
            operations.append(
                {
                    "method": method,
                    "path": path,
                    "query": {
                        p["name"]: _kept(whole, p["schema"], schemas)
                        for p in query
                        if p["in"] == "query"
                    },
                    "body": _kept(whole, _content(body), schemas) if body else None,
                    "replies": {
                        c: _kept(whole, _content(r), schemas) if r.get("content") else None
                        for c, r in replies.items()
                        if c != "304"
                    },
                }
            )
    return {"operations": operations, "schemas": schemas}


def forgejo(package: Path) -> dict[str, Any]:
    """The types that a generator made of Forgejo's own description, one for one."""
    types = Types((package / "dist" / "index.d.ts").read_text())
    operations = []
    for name in FORGEJO_OPERATIONS.split():
        data = types.read(f"{name}Data")["properties"]
        replies = types.read(f"{name}Responses")["properties"]
        errors = f"{name}Errors"
        known = types.read(errors)["properties"] if types.has(errors) else {}
        operations.append(
            {
                "method": _method(name),
                "path": f"/api/v1{data['url']['const']}",
                "query": data["query"].get("properties", {}),
                "body": None if data["body"] == {"not": {}} else data["body"],
                "replies": {
                    c: None if s in ({}, {"not": {}}) else s for c, s in (replies | known).items()
                },
            }
        )
    return {"operations": operations, "schemas": types.used}


def gitlab(package: Path) -> dict[str, Any]:
    """Two clients' typed models: of one what comes back, of the other what may be sent."""
    types = Types((package / "dist" / "index.d.ts").read_text())
    operations: list[dict[str, Any]] = []
    for method, path, code, reply, manager in GITLAB_OPERATIONS:
        sent = getattr(objects, manager)
        schema = types.named(reply.removesuffix("[]")) if reply else None
        if reply.endswith("[]"):
            schema = {"type": "array", "items": schema}
        attributes = {"POST": "_create_attrs", "PUT": "_update_attrs"}.get(method)
        listed = (*(getattr(sent, "_list_filters", None) or ()), *_PAGED)
        operations.append(
            {
                "method": method,
                "path": path,
                "query": {name: {} for name in listed} if reply.endswith("[]") else {},
                "body": _attributes(getattr(sent, attributes)) if attributes else None,
                "replies": {code: schema},
            }
        )
    return {"operations": operations, "schemas": types.used}


def _attributes(found: Any) -> Schema:
    names = (*found.required, *found.optional)
    return {
        "type": "object",
        "properties": {name: {} for name in names},
        "required": sorted(found.required),
        "additionalProperties": False,
    }


def _method(name: str) -> str:
    verbs = {"Create": "POST", "Edit": "PATCH", "Delete": "DELETE"}
    return next((method for verb, method in verbs.items() if verb in name), "GET")


def _package(name: str, folder: Path) -> Path:
    made = subprocess.run(
        ["npm", "pack", "--silent", name], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / made.stdout.split()[-1]) as archive:
        archive.extractall(folder / name.replace("/", "-"), filter="data")
    return folder / name.replace("/", "-") / "package"


def _reach(whole: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in found:
        return found
    for part in found["$ref"].removeprefix("#/").split("/"):
        whole = whole[part.replace("~1", "/")]
    return whole


def _content(found: dict[str, Any]) -> Schema:
    kinds = found.get("content", {})
    return dict(next((v["schema"] for k, v in kinds.items() if "json" in k), {}))


def _kept(whole: dict[str, Any], schema: Any, schemas: dict[str, Schema]) -> Any:
    """Without words, closed, null as JSON Schema says it; what it names is one of `schemas`."""
    if isinstance(schema, list):
        return [_kept(whole, one, schemas) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in schemas:
            schemas[name] = {}
            schemas[name].update(_kept(whole, _reach(whole, schema), schemas))
        return {"$ref": f"#/schemas/{name}"}
    if "allOf" in schema:
        schema = _joined([_reach(whole, part) for part in schema["allOf"]])
    made = dict(_parts(whole, schema, schemas))
    if made.get("properties") and "additionalProperties" not in made:
        made["additionalProperties"] = False
    if made.pop("nullable", False):
        return {"anyOf": [made, {"type": "null"}]}
    return made


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """All of several: closed one by one, they would shut each other out."""
    if len(parts) == 1:
        return parts[0]
    properties = {name: one for part in parts for name, one in part["properties"].items()}
    required = [name for part in parts for name in part.get("required", [])]
    return {"type": "object", "properties": properties, "required": required}


def _parts(
    whole: dict[str, Any], schema: dict[str, Any], schemas: dict[str, Schema]
) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "properties":
            yield key, {name: _kept(whole, one, schemas) for name, one in value.items()}
        elif key in {"enum", "required"}:
            yield key, value
        elif key not in _WORDS and not key.startswith("x-"):
            yield key, _kept(whole, value, schemas)


def _write(forge: str, found: dict[str, Any], source: str, licence: str) -> None:
    """One line for each operation and each schema, so that a newer description shows as a diff."""
    operations = ",\n".join(_line(one) for one in found["operations"])
    schemas = ",\n".join(f"{_line(n)}: {_line(s)}" for n, s in sorted(found["schemas"].items()))
    head = f'"source": {_line(source)},\n"licence": {_line(licence)}'
    text = f'{{{head},\n"operations": [\n{operations}\n],\n"schemas": {{\n{schemas}\n}}}}\n'
    (HERE / f"{forge}.json").write_text(text)
    sys.stdout.write(f"{forge}: {len(found['operations'])} operations of {source}\n")


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


if __name__ == "__main__":
    main()
