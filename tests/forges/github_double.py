"""GitHub's double."""

from __future__ import annotations

from typing import Any

from tests.forges.double import OTHERS, OURS, Answer, Double, Handler


class GitHubDouble(Double):
    """One repository, `plant/fleet`."""

    kind = "github"
    prefix = "/api/v3"
    project_path = "/repos/{owner}/{repo}"

    def __init__(self) -> None:
        super().__init__()
        self.pulls: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.protection: dict[str, Any] | None = None
        self.sets: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = {
            "allow_squash_merge": True,
            "allow_merge_commit": True,
            "allow_rebase_merge": False,
            "delete_branch_on_merge": False,
        }
        self.bot = False

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
        self.reviews.append({"login": login, "state": state})

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
        """`classic`, `sets` or `none`."""
        checks = ["margo/approvals", "validate"]
        self.protection, self.sets = None, []
        if kind == "classic":
            self.protection = {
                "required_pull_request_reviews": {
                    "dismiss_stale_reviews": False,
                    "require_code_owner_reviews": False,
                    "required_approving_review_count": 0,
                },
                "required_status_checks": {"contexts": checks, "checks": []},
                "enforce_admins": {"url": "x", "enabled": True},
                "allow_force_pushes": {"enabled": False},
                "allow_deletions": {"enabled": False},
            }
        if kind == "sets":
            asked = [{"context": name} for name in checks]
            self.sets = [
                {"type": "non_fast_forward"},
                {"type": "deletion"},
                {
                    "type": "pull_request",
                    "parameters": {
                        "dismiss_stale_reviews_on_push": False,
                        "require_code_owner_review": False,
                        "require_last_push_approval": False,
                        "required_approving_review_count": 0,
                        "required_review_thread_resolution": False,
                    },
                },
                {
                    "type": "required_status_checks",
                    "parameters": {
                        "required_status_checks": asked,
                        "strict_required_status_checks_policy": False,
                    },
                },
            ]

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """See `Double`."""
        return (
            ("/user", self._user),
            ("{pull_number}", self._pull),
            ("/pulls", self._pulls),
            ("/issues", self._issues),
            ("/commits", self._states),
            ("/statuses", self._states),
            ("/branches", self._rules),
            ("", self._repository),
        )

    def _user(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if self.bot:
            return self.no(403, "Resource not accessible by integration")
        return 200, self.described.fill("private-user", login=OURS)

    def _pulls(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name == "GET /pulls":
            head = query["head"].partition(":")[2]
            states = {"all": {"open", "closed"}}.get(query["state"], {query["state"]})
            found = [
                self._shown(pull, "pull-request-simple")
                for pull in reversed(self.pulls.values())
                if pull["branch"] == head and pull["state"] in states and query["base"] == "main"
            ]
            return 200, found
        known = [q for q in self.pulls.values() if q["branch"] == body["head"]]
        if any(q["state"] == "open" for q in known) or body["head"] not in self.branches:
            return self._invalid()
        number = self.open(body["head"], body["title"], body["body"])
        return 201, self._shown(self.pulls[number], "pull-request")

    def _pull(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        number = int(p["pull_number"])
        if number not in self.pulls:
            return self.no(404, "Not Found")
        if name.endswith("/reviews"):
            return 200, [self._review(r) for r in self.reviews]
        self.pulls[number] |= body
        return 200, self._shown(self.pulls[number], "pull-request")

    def _issues(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name == "GET /issues/{issue_number}/comments":
            under = [n for n in self.notes.values() if n["number"] == int(p["issue_number"])]
            size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
            return 200, [self._note(n) for n in under[(page - 1) * size : page * size]]
        if name == "POST /issues/{issue_number}/comments":
            id = self.comment(body["body"], OURS, int(p["issue_number"]))
            return 201, self._note(self.notes[id])
        id = int(p["comment_id"])
        if name.startswith("DELETE"):
            del self.notes[id]
            return 204, None
        self.notes[id] |= body
        return 200, self._note(self.notes[id])

    def _states(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        if name.startswith("POST"):
            if len(body["description"]) > 140:
                return self._invalid()
            self.statuses.append({**body, "sha": p["sha"]})
            return 201, self.described.fill("status", **body)
        newest = {s["context"]: s for s in self.statuses if s["sha"] == p["ref"]}
        shown = [
            self.described.fill(
                "simple-commit-status",
                **{key: s[key] for key in ("context", "state", "description")},
            )
            for s in newest.values()
        ]
        made = self.described.fill(
            "combined-commit-status", statuses=shown, total_count=len(shown), sha=p["ref"]
        )
        return 200, made

    def _rules(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        main = p["branch"] == "main"
        if name.startswith("GET /rules"):
            return 200, self.sets if main else []
        if not main or self.protection is None:
            return self.no(404, "Branch not protected")
        return 200, self.protection

    def _repository(self, name: str, p: dict[str, str], query: dict[str, str], body: Any) -> Answer:
        return 200, self.described.fill("full-repository", **self.settings)

    def _shown(self, pull: dict[str, Any], schema: str) -> dict[str, Any]:
        made = self.described.fill(schema)
        merged = "2026-11-29T12:00:00Z" if pull["merged"] else None
        more = {"merged": pull["merged"]} if schema == "pull-request" else {}
        given = {key: pull[key] for key in ("number", "title", "body", "state")}
        page = f"{self.url}/plant/fleet/pull/{pull['number']}"
        address = f"{self.url}/api/v3/repos/plant/fleet/pulls/{pull['number']}"
        head = {
            "ref": pull["branch"],
            "sha": pull.get("sha") or self.branches.get(pull["branch"], "d" * 40),
        }
        made["head"] |= head
        return {**made, **given, **more, "html_url": page, "url": address, "merged_at": merged}

    def _note(self, note: dict[str, Any]) -> dict[str, Any]:
        user = self.described.fill("simple-user", login=note["login"])
        url = f"{self.url}/api/v3/repos/plant/fleet/issues/comments/{note['id']}"
        return self.described.fill(
            "issue-comment", id=note["id"], body=note["body"], user=user, url=url
        )

    def _review(self, review: dict[str, Any]) -> dict[str, Any]:
        user = self.described.fill("simple-user", login=review["login"])
        return self.described.fill("pull-request-review", state=review["state"], user=user)

    def no(self, status: int, message: str) -> Answer:
        """See `Double`."""
        return status, {"message": message, "documentation_url": "x", "status": str(status)}

    def _invalid(self) -> Answer:
        errors = [{"resource": "PullRequest", "code": "custom", "message": "no"}]
        said = {"message": "Validation Failed", "documentation_url": "x", "errors": errors}
        return 422, said
