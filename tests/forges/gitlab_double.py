"""GitLab's double. Its states of a commit move as GitLab's do: what goes on takes no new words."""

from __future__ import annotations

from typing import Any

from tests.forges.double import OTHERS, OURS, Answer, Double, Handler

_GOES_ON = {"pending", "running"}


class GitLabDouble(Double):
    """One project, `plant/edge/fleet`."""

    kind = "gitlab"
    project = "plant/edge/fleet"
    project_path = "/api/v4/projects/{id}"
    token_header = "PRIVATE-TOKEN"
    token_prefix = ""

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.approvers: list[str] = []
        self.protected: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = {
            "only_allow_merge_if_pipeline_succeeds": False,
            "merge_method": "merge",
            "squash_option": "default_off",
            "remove_source_branch_after_merge": False,
        }

    def open(
        self, branch: str = "proposal/17", title: str = "x", body: str = "", fork: bool = False
    ) -> int:
        """As somebody would on its pages; `fork` is from a project of somebody else."""
        number = self.next()
        self.requests[number] = {
            "iid": number,
            "title": title,
            "description": body,
            "source_branch": branch,
            "state": "opened",
            "source_project_id": 2 if fork else 1,
        }
        return number

    def finish(self, number: int, *, merged: bool) -> None:
        """Close, or merge."""
        one = self.requests[number]
        one |= {
            "state": "merged" if merged else "closed",
            "sha": self.branches[one["source_branch"]],
        }

    def comment(self, text: str, login: str = OTHERS, number: int = 1) -> int:
        """As somebody would on its pages."""
        id = self.next()
        self.notes[id] = {"id": id, "body": text, "login": login, "number": number}
        return id

    def click(self, login: str) -> None:
        """An approval."""
        self.approvers.append(login)

    def texts(self, login: str = OURS) -> list[str]:
        """What somebody's comments say."""
        return [str(n["body"]) for n in self.notes.values() if n["login"] == login]

    def shown(self, number: int) -> tuple[str, str, str]:
        """State, title and body of a request."""
        one = self.requests[number]
        state = "open" if one["state"] == "opened" else one["state"]
        return state, one["title"], one["description"]

    def status(self, commit: str, name: str) -> tuple[str, str] | None:
        """The newest state of a commit."""
        found = [s for s in self.statuses if (s["sha"], s["name"]) == (commit, name)]
        return (found[-1]["status"], found[-1]["description"]) if found else None

    def protect(self, kind: str) -> None:
        """`classic` or `none`."""
        self.protected = []
        self.settings["only_allow_merge_if_pipeline_succeeds"] = kind != "none"
        if kind != "none":
            nobody = {"id": 1, "access_level": 0, "access_level_description": "No one"}
            self.protected = [
                self.described.fill(
                    "ProtectedBranchSchema", name="main", push_access_levels=[nobody]
                )
            ]

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """See `Double`."""
        return (
            ("/user", self._user_),
            ("/approvals", self._approvals),
            ("/notes/{note}", self._one_note),
            ("/notes", self._notes),
            ("{iid}", self._one),
            ("/merge_requests", self._requests),
            ("/statuses", self._states),
            ("/protected_branches", self._protected),
            ("", self._project),
        )

    def _user_(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, self.described.fill("ExpandedUserSchema", username=OURS)

    def _protected(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, self.protected

    def _project(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, self.described.fill("ProjectSchema", **self.settings)

    def _requests(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name.startswith("GET"):
            found = [
                self._shown(one)
                for one in reversed(self.requests.values())
                if one["source_branch"] == query["source_branch"]
            ]
            return 200, found
        source = body["source_branch"]
        known = [r for r in self.requests.values() if r["source_branch"] == source]
        if any(r["state"] == "opened" and r["source_project_id"] == 1 for r in known):
            return self.no(409, "Another open merge request already exists for this branch")
        if source not in self.branches:
            return self.no(400, "source branch does not exist")
        number = self.open(source, body["title"], body["description"])
        return 201, self._shown(self.requests[number])

    def _one(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        one = self.requests.get(int(p["iid"]))
        if one is None:
            return self.no(404, "404 Not found")
        given = dict(body)
        if given.pop("state_event", None) == "close":
            one["state"] = "closed"
        one |= given
        return 200, self._shown(one)

    def _approvals(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if int(p["iid"]) not in self.requests:
            return self.no(404, "404 Not found")
        users = [{"user": self._user(login)} for login in self.approvers]
        schema = "MergeRequestLevelMergeRequestApprovalSchema"
        return 200, self.described.fill(schema, approved_by=users)

    def _notes(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(p["iid"])
        if number not in self.requests:
            return self.no(404, "404 Not found")
        if name.startswith("POST"):
            return 201, self._note(self.notes[self.comment(body["body"], OURS, number)])
        under = [n for n in self.notes.values() if n["number"] == number]
        size, page = int(query["per_page"]), int(query["page"])
        return 200, [self._note(n) for n in under[(page - 1) * size : page * size]]

    def _one_note(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        id = int(p["note"])
        if id not in self.notes:
            return self.no(404, "404 Not found")
        if name.startswith("DELETE"):
            del self.notes[id]
            return 204, None
        self.notes[id] |= body
        return 200, self._note(self.notes[id])

    def _states(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name.startswith("GET"):
            newest = {s["name"]: s for s in self.statuses if s["sha"] == p["sha"]}
            return 200, [self._status(s) for s in reversed(newest.values())]
        if len(body.get("description", "")) > 255:
            return self.no(400, "description is too long")
        known = self.status(p["sha"], body["name"])
        if known is not None and known[0] in _GOES_ON and body["state"] in _GOES_ON:
            said = f"Cannot transition status via :enqueue from :{known[0]}"
            return self.no(400, f'{said} (Reason(s): Status cannot transition via "enqueue")')
        made = {"sha": p["sha"], "name": body["name"], "status": body["state"]}
        self.statuses.append({**made, "description": body.get("description", "")})
        return 201, self._status(self.statuses[-1])

    def _shown(self, one: dict[str, Any]) -> dict[str, Any]:
        page = f"{self.url}/plant/edge/fleet/-/merge_requests/{one['iid']}"
        return self.described.fill(
            "MergeRequestSchema",
            **{"sha": self.branches.get(one["source_branch"], "d" * 40), **one},
            target_branch="main",
            target_project_id=1,
            web_url=page,
        )

    def _user(self, login: str) -> dict[str, Any]:
        made = self.described.fill("SimpleUserSchema", username=login)
        made.pop("created_at")
        return made

    def _note(self, note: dict[str, Any]) -> dict[str, Any]:
        author = self._user(note["login"])
        return self.described.fill("NoteSchema", id=note["id"], body=note["body"], author=author)

    def _status(self, status: dict[str, Any]) -> dict[str, Any]:
        return self.described.fill("CommitStatusSchema", **status)
