"""Forgejo's double."""

from __future__ import annotations

from typing import Any

from tests.forges.double import OTHERS, OURS, Answer, Double, Handler


class ForgejoDouble(Double):
    """One repository, `plant/fleet`."""

    kind = "forgejo"
    project_path = "/api/v1/repos/{owner}/{repo}"

    def __init__(self) -> None:
        super().__init__()
        self.pulls: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.protections: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = {
            "allow_merge_commits": True,
            "allow_squash_merge": True,
            "allow_rebase": False,
            "default_delete_branch_after_merge": False,
        }

    def open(self, branch: str = "proposal/17", title: str = "x", body: str = "") -> int:
        """As somebody would on its pages."""
        number = self.next()
        self.pulls[number] = {
            "number": number,
            "title": title,
            "body": body,
            "branch": branch,
            "state": "open",
            "merged": False,
        }
        return number

    def finish(self, number: int, *, merged: bool) -> None:
        """Close, or merge."""
        sha = self.branches[self.pulls[number]["branch"]]
        self.pulls[number] |= {"state": "closed", "merged": merged, "sha": sha}

    def comment(self, text: str, login: str = OTHERS, number: int = 1) -> int:
        """As somebody would on its pages."""
        id = self.next()
        self.notes[id] = {"id": id, "body": text, "login": login, "number": number}
        return id

    def click(self, login: str, state: str = "APPROVED") -> None:
        """A review."""
        self.reviews.append({"state": state, "user": {"login": login}})

    def texts(self, login: str = OURS) -> list[str]:
        """What somebody's comments say."""
        return [str(n["body"]) for n in self.notes.values() if n["login"] == login]

    def shown(self, number: int) -> tuple[str, str, str]:
        """State, title and body of a request."""
        pull = self.pulls[number]
        return pull["state"], pull["title"], pull["body"]

    def status(self, commit: str, name: str) -> tuple[str, str] | None:
        """The newest state of a commit."""
        found = [s for s in self.statuses if (s["sha"], s["context"]) == (commit, name)]
        return (found[-1]["state"], found[-1]["description"]) if found else None

    def protect(self, kind: str) -> None:
        """`classic` or `none`."""
        self.protections = []
        if kind != "none":
            self.protections = [
                {
                    "rule_name": "main",
                    "enable_push": False,
                    "required_approvals": 0,
                    "enable_status_check": True,
                    "status_check_contexts": ["margo/approvals", "validate"],
                    "dismiss_stale_approvals": False,
                }
            ]

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """See `Double`."""
        return (
            ("/user", self._user),
            ("/pulls/{base}", self._found),
            ("/pulls/{index}", self._pull),
            ("/pulls", self._pulls),
            ("/issues", self._issues),
            ("/status", self._states),
            ("/branch_protections", self._protected),
            ("", self._repository),
        )

    def _user(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, {"login": OURS, "id": 1}

    def _protected(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, self.protections

    def _repository(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, {"name": "fleet", **self.settings}

    def _found(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        known = [q for q in self.pulls.values() if q["branch"] == p["head"]]
        return (200, self._shown(known[0])) if known else self.no(404, "not found")

    def _pulls(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name == "GET /pulls":
            size, page = int(query["limit"]), int(query["page"])
            found = [self._shown(q) for q in self.pulls.values() if q["state"] == query["state"]]
            return 200, found[(page - 1) * size : page * size]
        known = [q for q in self.pulls.values() if q["branch"] == body["head"]]
        if any(q["state"] == "open" for q in known):
            return self.no(409, "pull request already exists for these targets")
        if body["head"] not in self.branches:
            return self.no(404, "not found")
        number = self.open(body["head"], body["title"], body["body"])
        return 201, self._shown(self.pulls[number])

    def _pull(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(p["index"])
        if number not in self.pulls:
            return self.no(404, "not found")
        if name.endswith("/reviews"):
            return 200, self.reviews
        self.pulls[number] |= body
        return 201, self._shown(self.pulls[number])

    def _issues(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name == "GET /issues/{index}/comments":
            under = [n for n in self.notes.values() if n["number"] == int(p["index"])]
            return 200, [self._note(n) for n in under]
        if name == "POST /issues/{index}/comments":
            id = self.comment(body["body"], OURS, int(p["index"]))
            return 201, self._note(self.notes[id])
        id = int(p["id"])
        if name.startswith("DELETE"):
            del self.notes[id]
            return 204, None
        self.notes[id] |= body
        return 200, self._note(self.notes[id])

    def _states(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name.startswith("POST"):
            self.statuses.append({**body, "sha": p["sha"]})
            return 201, self._status(self.statuses[-1])
        newest = {s["context"]: s for s in self.statuses if s["sha"] == p["ref"]}
        shown = [self._status(s) for s in newest.values()]
        return 200, {"sha": p["ref"], "statuses": shown, "total_count": len(shown)}

    def _shown(self, pull: dict[str, Any]) -> dict[str, Any]:
        given = {key: pull[key] for key in ("number", "title", "body", "state", "merged")}
        sha = pull.get("sha") or self.branches.get(pull["branch"], "d" * 40)
        return {
            **given,
            "html_url": f"{self.url}/plant/fleet/pulls/{pull['number']}",
            "head": {"ref": pull["branch"], "label": pull["branch"], "sha": sha, "repo_id": 1},
            "base": {"ref": "main", "label": "main", "sha": "c" * 40, "repo_id": 1},
        }

    def _note(self, note: dict[str, Any]) -> dict[str, Any]:
        return {"id": note["id"], "body": note["body"], "user": {"login": note["login"]}}

    def _status(self, status: dict[str, Any]) -> dict[str, Any]:
        shown = {key: status[key] for key in ("context", "description")}
        return {**shown, "status": status["state"]}
