"""Forgejo and Gitea, through pyforgejo: its objects and addresses, our line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from margo_gitops.forges.base import MAIN, Check, CheckState, Comment, Request, RequestState, Rules
from margo_gitops.forges.forgejorules import rules_of
from margo_gitops.forges.line import Line, nonsense, refused, session
from margo_gitops.forges.text import FORGEJO, MARKER

os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
# pyforgejo reads .env files above it when it is imported: a repository's file would then name
# proxies and authorities for the token's way
from pyforgejo import PyforgejoApi
from pyforgejo.core.api_error import ApiError

if TYPE_CHECKING:
    from pyforgejo.core.request_options import RequestOptions
    from pyforgejo.types.pull_request import PullRequest

    from margo_gitops.forges.choosing import Place

_SEEN: dict[str, CheckState] = {"pending": "pending", "success": "success", "warning": "success"}
_SENT = ("authorization", "content-type", "accept")
_PAGES = 10
_A_PAGE = 50
_ONCE: RequestOptions = {"max_retries": 0}


class Forgejo:
    """One repository; a `Forge`."""

    name = "Forgejo"
    limits = FORGEJO
    sees_merges = False  # only where its administrator let it

    def __init__(self, place: Place, line: Line | None = None) -> None:
        line = line or Line(place.url)
        self._host, self._me = line.host, place.user
        owner, _, name = place.project.partition("/")
        self._project = (owner, name)
        api = PyforgejoApi(
            base_url=f"{place.url}/api/v1",
            api_key=place.token,
            httpx_client=httpx.Client(transport=_OverLine(line), trust_env=False),
        )
        self._repository, self._issue, self._user = api.repository, api.issue, api.user

    def request(self, branch: str) -> Request | None:
        """See `Forge`.

        Forgejo finds by base and head one that may be over, though another is open.
        """
        with self._asked("read pull requests"):
            try:
                found = self._repository.repo_get_pull_request_by_base_head(
                    *self._project, MAIN, branch, request_options=_ONCE
                )
            except ApiError as error:
                if error.status_code != 404:
                    raise
                return None
            known = _request(found)
            return known if known.state == "open" else self._opened(branch) or known

    def _opened(self, branch: str) -> Request | None:
        for page in range(1, _PAGES + 1):
            listed = self._repository.repo_list_pull_requests(
                *self._project, state="open", page=page, limit=_A_PAGE, request_options=_ONCE
            )
            for pull in listed:
                if _own(pull) and pull.head is not None and pull.head.ref == branch:
                    return _request(pull)
            if len(listed) < _A_PAGE:
                break
        return None

    def open(self, branch: str, title: str, body: str) -> Request:
        """See `Forge`."""
        with self._asked("open a pull request"):
            try:
                made = self._repository.repo_create_pull_request(
                    *self._project,
                    base=MAIN,
                    head=branch,
                    title=title,
                    body=body,
                    request_options=_ONCE,
                )
            except ApiError as error:
                known = self.request(branch) if error.status_code in {409, 422} else None
                if known is None or known.state != "open":
                    raise
                return known
            return _request(made)

    def update(self, request: Request, title: str, body: str) -> None:
        """See `Forge`."""
        with self._asked("change a pull request"):
            self._repository.repo_edit_pull_request(
                *self._project, request.number, title=title, body=body, request_options=_ONCE
            )

    def close(self, request: Request) -> None:
        """See `Forge`."""
        with self._asked("close a pull request"):
            self._repository.repo_edit_pull_request(
                *self._project, request.number, state="closed", request_options=_ONCE
            )

    def comments(self, request: Request) -> tuple[Comment, ...]:
        """See `Forge`."""
        with self._asked("read comments"):
            listed = self._issue.get_comments(*self._project, request.number, request_options=_ONCE)
            found = [c for c in listed if MARKER in (c.body or "")]
            mine = self._mine() if found else None
            own = [c for c in found if c.user is not None and c.user.login == mine]
            return tuple(Comment(int(c.id or 0), request.number, c.body or "") for c in own)

    def add(self, request: Request, text: str) -> None:
        """See `Forge`."""
        with self._asked("comment"):
            self._issue.create_comment(
                *self._project, request.number, body=text, request_options=_ONCE
            )

    def replace(self, comment: Comment, text: str) -> None:
        """See `Forge`."""
        with self._asked("change a comment"):
            self._issue.edit_comment(*self._project, comment.id, body=text, request_options=_ONCE)

    def remove(self, comment: Comment) -> None:
        """See `Forge`."""
        with self._asked("remove a comment"):
            try:
                self._issue.delete_comment(*self._project, comment.id, request_options=_ONCE)
            except ApiError as error:
                if error.status_code != 404:
                    raise

    def checks(self, commit: str) -> tuple[Check, ...]:
        """See `Forge`."""
        with self._asked("read the states of a commit"):
            found = self._repository.repo_get_combined_status_by_ref(
                *self._project, commit, limit=_A_PAGE, request_options=_ONCE
            )
            return tuple(
                Check(str(s.context), _SEEN.get(str(s.status), "failure"), s.description or "")
                for s in found.statuses or ()
            )

    def check(self, commit: str, check: Check) -> None:
        """See `Forge`."""
        with self._asked("set the state of a commit"):
            self._repository.repo_create_status(
                *self._project,
                commit,
                context=check.name,
                state=check.state,
                description=check.text,
                request_options=_ONCE,
            )

    def clicks(self, request: Request) -> tuple[str, ...]:
        """See `Forge`."""
        with self._asked("read reviews"):
            last: dict[str, bool] = {}
            for review in self._repository.repo_list_pull_reviews(
                *self._project, request.number, limit=_A_PAGE, request_options=_ONCE
            ):
                if review.user is not None and str(review.state) in {"APPROVED", "REQUEST_CHANGES"}:
                    approved = str(review.state) == "APPROVED" and not review.dismissed
                    last[str(review.user.login)] = approved
        return tuple(sorted(name for name, approved in last.items() if approved))

    def rules(self, branch: str) -> Rules:
        """See `Forge`."""
        with self._asked("read the settings of a branch"):
            repository = self._repository.repo_get(*self._project, request_options=_ONCE)
            try:
                listed = self._repository.repo_list_branch_protection(
                    *self._project, request_options=_ONCE
                )
            except ApiError as error:
                if error.status_code not in {403, 404}:
                    raise
                return rules_of(branch, None, repository)
            return rules_of(branch, listed, repository)

    def _mine(self) -> str:
        """Whom this token writes as."""
        if self._me is None:
            self._me = str(self._user.get_current(request_options=_ONCE).login)
        return self._me

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            if error.status_code is None or error.status_code < 400:
                raise nonsense(self._host, doing) from error
            raise refused(self._host, error.status_code, doing) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise nonsense(self._host, doing) from error


class _OverLine(httpx.BaseTransport):
    """What the client would send, over the one line."""

    def __init__(self, line: Line) -> None:
        self._session = session(line)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        answer = self._session.request(
            request.method,
            str(request.url),
            data=request.read(),
            headers={name: request.headers[name] for name in _SENT if name in request.headers},
            allow_redirects=False,
        )
        return httpx.Response(
            answer.status_code,
            headers={"Content-Type": answer.headers.get("Content-Type", "")},
            content=answer.content,
        )

    def close(self) -> None:
        """See `httpx.BaseTransport`."""
        self._session.close()


def _own(pull: PullRequest) -> bool:
    """Whether it comes from the repository itself: a fork may have a branch of the same name."""
    head, base = pull.head, pull.base
    return head is not None and base is not None and head.repo_id == base.repo_id


def _request(pull: PullRequest) -> Request:
    if pull.number is None or pull.head is None or pull.head.sha is None:
        raise ValueError
    if not _own(pull) or pull.state not in {"open", "closed"}:
        raise ValueError
    state: RequestState = "open" if pull.state == "open" else "closed"
    return Request(
        pull.number,
        str(pull.html_url),
        "merged" if pull.merged else state,
        pull.head.sha,
        pull.title or "",
        pull.body or "",
    )
