"""GitHub, through PyGithub: its objects and addresses, our line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from github.Auth import Token
from github.AuthenticatedUser import AuthenticatedUser
from github.Commit import Commit
from github.GithubException import BadAttributeException, GithubException
from github.Repository import Repository
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
)

from margo_gitops.forges.base import MAIN, Check, CheckState, Comment, Request, RequestState, Rules
from margo_gitops.forges.githubrules import rules_of
from margo_gitops.forges.line import USER_AGENT, Line, nonsense, refused, session
from margo_gitops.forges.text import GITHUB, MARKER

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

    from margo_gitops.forges.choosing import Place

_ACTIONS = "github-actions[bot]"
"""Whom the token of a workflow writes as: the forge does not tell that token who it is."""

_STATES: dict[str, RequestState] = {"open": "open", "closed": "closed"}
_SEEN: dict[str, CheckState] = {"pending": "pending", "success": "success"}
_PAGES = 10
_A_PAGE = 100


class GitHub:
    """One repository; a `Forge`."""

    name = "GitHub"
    limits = GITHUB
    sees_merges = True

    def __init__(self, place: Place, line: Line | None = None) -> None:
        hosted = place.url == "https://github.com"
        base = "https://api.github.com" if hosted else f"{place.url}/api/v3"
        line = line or Line(base)
        self._host, self._me = line.host, place.user
        self._owner = place.project.partition("/")[0]
        self._path = f"/repos/{place.project}"
        self._requester = _requester(base, place.token, line)
        self._repository = Repository(self._requester, url=self._path)

    def request(self, branch: str) -> Request | None:
        """See `Forge`."""
        with self._asked("read pull requests"):
            head = f"{self._owner}:{branch}"
            found = self._repository.get_pulls(state="all", head=head, base=MAIN).get_page(0)
            requests = [_request(pull) for pull in found if pull.head.ref == branch]
        return next((r for r in requests if r.state == "open"), next(iter(requests), None))

    def open(self, branch: str, title: str, body: str) -> Request:
        """See `Forge`."""
        with self._asked("open a pull request"):
            try:
                made = self._repository.create_pull(MAIN, branch, title=title, body=body)
            except GithubException as error:
                known = self.request(branch) if error.status in {409, 422} else None
                if known is None or known.state != "open":
                    raise
                return known
            return _request(made)

    def update(self, request: Request, title: str, body: str) -> None:
        """See `Forge`."""
        with self._asked("change a pull request"):
            self._repository.get_pull(request.number).edit(title=title, body=body)

    def close(self, request: Request) -> None:
        """See `Forge`."""
        with self._asked("close a pull request"):
            self._repository.get_pull(request.number).edit(state="closed")

    def comments(self, request: Request) -> tuple[Comment, ...]:
        """See `Forge`."""
        with self._asked("read comments"):
            pages = self._repository.get_issue(request.number).get_comments()
            found = []
            for number in range(_PAGES):
                page = pages.get_page(number)
                found += [c for c in page if MARKER in (c.body or "")]
                if len(page) < _A_PAGE:
                    break
            mine = self._mine() if found else None
            return tuple(
                Comment(c.id, request.number, c.body) for c in found if c.user.login == mine
            )

    def add(self, request: Request, text: str) -> None:
        """See `Forge`."""
        with self._asked("comment"):
            self._repository.get_issue(request.number).create_comment(text)

    def replace(self, comment: Comment, text: str) -> None:
        """See `Forge`."""
        with self._asked("change a comment"):
            self._repository.get_issue(comment.request).get_comment(comment.id).edit(text)

    def remove(self, comment: Comment) -> None:
        """See `Forge`."""
        with self._asked("remove a comment"):
            try:
                self._repository.get_issue(comment.request).get_comment(comment.id).delete()
            except GithubException as error:
                if error.status != 404:
                    raise

    def checks(self, commit: str) -> tuple[Check, ...]:
        """See `Forge`."""
        with self._asked("read the states of a commit"):
            found = self._commit(commit).get_combined_status().statuses
            return tuple(_check(s.context, s.state, s.description) for s in found)

    def check(self, commit: str, check: Check) -> None:
        """See `Forge`."""
        with self._asked("set the state of a commit"):
            self._commit(commit).create_status(
                check.state, description=check.text, context=check.name
            )

    def clicks(self, request: Request) -> tuple[str, ...]:
        """See `Forge`."""
        with self._asked("read reviews"):
            last: dict[str, str] = {}
            for review in self._repository.get_pull(request.number).get_reviews().get_page(0):
                if review.state != "COMMENTED" and review.user is not None:
                    last[review.user.login] = review.state
        return tuple(sorted(name for name, state in last.items() if state == "APPROVED"))

    def rules(self, branch: str) -> Rules:
        """See `Forge`: classic protection and rulesets together."""
        with self._asked("read the settings of a branch"):
            name = quote(branch, safe="")
            classic = self._setting(f"{self._path}/branches/{name}/protection")
            sets = self._setting(f"{self._path}/rules/branches/{name}")
            return rules_of(branch, classic, sets, self._setting(self._path))

    def _setting(self, path: str) -> Any:
        """A setting as it came; 404 where there is none, 403 where this token may not see it.

        GitHub hides with 404 too, and only its words tell which.
        """
        try:
            return self._requester.requestJsonAndCheck("GET", path)[1]
        except GithubException as error:
            if error.status not in {403, 404}:
                raise
            said = error.data.get("message") if isinstance(error.data, dict) else None
            return 404 if said in {"Branch not protected", "Branch not found"} else 403

    def _commit(self, commit: str) -> Commit:
        known = {"sha": commit, "url": f"{self._path}/commits/{commit}"}
        return Commit(self._requester, {}, known, completed=True)

    def _mine(self) -> str:
        """Whom this token writes as."""
        if self._me is None:
            try:
                self._me = str(AuthenticatedUser(self._requester, url="/user").login)
            except GithubException as error:
                if error.status != 403:
                    raise
                self._me = _ACTIONS
        return self._me

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        try:
            yield
        except GithubException as error:
            raise refused(self._host, error.status, doing) from error
        except (BadAttributeException, ValueError, TypeError, AttributeError, KeyError) as error:
            raise nonsense(self._host, doing) from error


def _requester(base: str, token: str, line: Line) -> Requester:
    """PyGithub's own, with every connection over the one line."""

    class OurRequester(Requester):
        pass

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.session = session(line)

    class Tls(HTTPSRequestsConnectionClass):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.session = session(line)

    OurRequester.injectConnectionClasses(Plain, Tls)
    return OurRequester(
        auth=Token(token),
        base_url=base,
        timeout=20,
        user_agent=USER_AGENT,
        per_page=_A_PAGE,
        verify=True,
        retry=None,
        pool_size=None,
        lazy=True,
    )


def _request(pull: PullRequest) -> Request:
    return Request(
        int(pull.number),
        str(pull.html_url),
        "merged" if pull.merged_at is not None else _STATES[pull.state],
        pull.head.sha,
        pull.title,
        pull.body or "",
    )


def _check(name: str, state: str, text: str | None) -> Check:
    return Check(name, _SEEN.get(state, "failure"), text or "")
