"""GitLab, through python-gitlab: its objects and addresses, our line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gitlab
from gitlab.exceptions import GitlabError

from margo_gitops.forges.base import MAIN, Check, CheckState, Comment, Request, RequestState, Rules
from margo_gitops.forges.gitlabrules import rules_of
from margo_gitops.forges.line import USER_AGENT, Line, nonsense, refused, session
from margo_gitops.forges.text import GITLAB, MARKER

if TYPE_CHECKING:
    from margo_gitops.forges.choosing import Place

_STATES: dict[str, RequestState] = {
    "opened": "open",
    "locked": "open",
    "merged": "merged",
    "closed": "closed",
}
_SENT = {"pending": "pending", "success": "success", "failure": "failed"}
_SEEN: dict[str, CheckState] = {
    "created": "pending",
    "waiting_for_resource": "pending",
    "preparing": "pending",
    "pending": "pending",
    "running": "pending",
    "success": "success",
}
_PAGES = 10
_A_PAGE = 100


class GitLab:
    """One project; a `Forge`. Its pull requests are merge requests, its comments notes."""

    name = "GitLab"
    limits = GITLAB
    sees_merges = True

    def __init__(self, place: Place, line: Line | None = None) -> None:
        line = line or Line(place.url)
        self._host, self._me = line.host, place.user
        self._gitlab = gitlab.Gitlab(
            place.url,
            private_token=place.token,
            session=session(line),
            keep_base_url=True,
            user_agent=USER_AGENT,
            timeout=20,
        )
        self._path = place.project
        self._project = self._gitlab.projects.get(place.project, lazy=True)

    def request(self, branch: str) -> Request | None:
        """See `Forge`: one that comes from a fork has a branch of that name, and is not ours."""
        with self._asked("read merge requests"):
            found = self._project.mergerequests.list(
                source_branch=branch,
                target_branch=MAIN,
                state="all",
                order_by="created_at",
                sort="desc",
                per_page=_A_PAGE,
                get_all=False,
            )
            own = [_request(r) for r in found if r.source_project_id == r.target_project_id]
        return next((r for r in own if r.state == "open"), next(iter(own), None))

    def open(self, branch: str, title: str, body: str) -> Request:
        """See `Forge`."""
        wanted = {
            "source_branch": branch,
            "target_branch": MAIN,
            "title": title,
            "description": body,
        }
        with self._asked("open a merge request"):
            try:
                return _request(self._project.mergerequests.create(wanted))
            except GitlabError as error:
                known = self.request(branch) if error.response_code in {409, 422} else None
                if known is None or known.state != "open":
                    raise
                return known

    def update(self, request: Request, title: str, body: str) -> None:
        """See `Forge`."""
        with self._asked("change a merge request"):
            wanted = {"title": title, "description": body}
            self._project.mergerequests.update(request.number, wanted)

    def close(self, request: Request) -> None:
        """See `Forge`."""
        with self._asked("close a merge request"):
            self._project.mergerequests.update(request.number, {"state_event": "close"})

    def comments(self, request: Request) -> tuple[Comment, ...]:
        """See `Forge`."""
        with self._asked("read notes"):
            found: list[Any] = []
            for number in range(1, _PAGES + 1):
                page = self._notes(request.number).list(
                    sort="asc", order_by="created_at", page=number, per_page=_A_PAGE, get_all=False
                )
                found += [note for note in page if not note.system and MARKER in note.body]
                if len(page) < _A_PAGE:
                    break
            mine = self._mine() if found else None
            return tuple(
                Comment(int(n.id), request.number, n.body)
                for n in found
                if n.author["username"] == mine
            )

    def add(self, request: Request, text: str) -> None:
        """See `Forge`."""
        with self._asked("comment"):
            self._notes(request.number).create({"body": text})

    def replace(self, comment: Comment, text: str) -> None:
        """See `Forge`."""
        with self._asked("change a note"):
            self._notes(comment.request).update(comment.id, {"body": text})

    def remove(self, comment: Comment) -> None:
        """See `Forge`."""
        with self._asked("remove a note"):
            try:
                self._notes(comment.request).delete(comment.id)
            except GitlabError as error:
                if error.response_code != 404:
                    raise

    def checks(self, commit: str) -> tuple[Check, ...]:
        """See `Forge`."""
        with self._asked("read the states of a commit"):
            found: dict[str, Check] = {}
            listed = self._statuses(commit).list(
                order_by="id", sort="desc", per_page=_A_PAGE, get_all=False
            )
            for one in listed:
                seen = _SEEN.get(one.status, "failure")
                found.setdefault(one.name, Check(one.name, seen, one.description or ""))
            return tuple(found.values())

    def check(self, commit: str, check: Check) -> None:
        """See `Forge`.

        GitLab takes no new words for a state that goes on (gitlab-foss issue 25807): the old one
        is ended first.
        """
        wanted = {"state": _SENT[check.state], "name": check.name, "description": check.text}
        with self._asked("set the state of a commit"):
            statuses = self._statuses(commit)
            try:
                statuses.create(wanted)
            except GitlabError as error:
                if error.response_code != 400 or "transition" not in str(error):
                    raise
                statuses.create({"state": "canceled", "name": check.name})
                statuses.create(wanted)

    def clicks(self, request: Request) -> tuple[str, ...]:
        """See `Forge`."""
        with self._asked("read approvals"):
            request_ = self._project.mergerequests.get(request.number, lazy=True)
            found = request_.approvals.get().approved_by
            return tuple(sorted(str(one["user"]["username"]) for one in found))

    def rules(self, branch: str) -> Rules:
        """See `Forge`."""
        with self._asked("read the settings of a branch"):
            project = self._gitlab.projects.get(self._path).attributes
            try:
                listed = self._project.protectedbranches.list(per_page=_A_PAGE, get_all=False)
            except GitlabError as error:
                if error.response_code not in {403, 404}:
                    raise
                return rules_of(branch, None, project)
            return rules_of(branch, [one.attributes for one in listed], project)

    def _notes(self, request: int) -> Any:
        return self._project.mergerequests.get(request, lazy=True).notes

    def _statuses(self, commit: str) -> Any:
        return self._project.commits.get(commit, lazy=True).statuses

    def _mine(self) -> str:
        """Whom this token writes as."""
        if self._me is None:
            self._gitlab.auth()
            user = self._gitlab.user
            if user is None:
                raise ValueError
            self._me = str(user.username)
        return self._me

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        try:
            yield
        except GitlabError as error:
            if error.response_code is None or error.response_code < 400:
                raise nonsense(self._host, doing) from error
            raise refused(self._host, error.response_code, doing) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise nonsense(self._host, doing) from error


def _request(found: Any) -> Request:
    return Request(
        int(found.iid),
        str(found.web_url),
        _STATES[found.state],
        str(found.sha),
        str(found.title),
        found.description or "",
    )
