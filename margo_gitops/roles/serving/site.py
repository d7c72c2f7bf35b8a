"""The site as a WSGI application: who asks, for what, and whether there is a place left.

Exact paths only; whatever is not named here does not exist. A node without its token sees nothing,
one with it sees its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.roles.serving.answer import Answer, Turned, turned_away, whole
from margo_gitops.roles.serving.backend import run_backend
from margo_gitops.roles.serving.body import Environ, taking, whole_body
from margo_gitops.roles.serving.contents import BASE, answer_content
from margo_gitops.roles.serving.limits import PER_NODE, Paces, Places
from margo_gitops.roles.serving.repositories import NO_ROOM, announce, repository, room_left
from margo_gitops.roles.serving.tokens import bearer
from margo_gitops.store.pushed import MAX_PUSH, Push

MAX_ASK = 1 << 20
"""Bytes of a question to upload-pack: ten thousand commits that a node has."""

_GIT = re.compile(r"/([a-z0-9][a-z0-9-]{0,62})\.git/(info/refs|git-upload-pack|git-receive-pack)")
_SERVICES = {
    "service=git-upload-pack": "git-upload-pack",
    "service=git-receive-pack": "git-receive-pack",
}
_SOON = ("Retry-After", "1")


class ServedSite:
    """`state` is the LO's folder, `mirror` its mirror; `entered` gives a known node more time."""

    def __init__(
        self, state: Path, mirror: Path, clock: Callable[[], float], entered: Callable[[], None]
    ) -> None:
        self._state = state
        self._mirror = mirror
        self._entered = entered
        self._places = Places(PER_NODE)
        self._pushing = Places(1)
        self._paces = Paces(clock)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Answer:
        """One request."""
        try:
            answer = self._admit(environ)
        except Turned as turned:
            answer = turned_away(turned)
        start(answer.status, answer.headers)
        return answer

    def _admit(self, environ: Environ) -> Answer:
        node = bearer(self._state, environ.get("HTTP_AUTHORIZATION", ""))
        if node is None:
            asks = ("WWW-Authenticate", 'Basic realm="margo", charset="UTF-8"')
            raise Turned("401 Unauthorized", "a node's token was expected", asks)
        if not self._places.take(node):
            raise Turned("429 Too Many Requests", "this node asks too much at once", _SOON)
        self._entered()
        try:
            answer = self._route(node, environ)
        except BaseException:
            self._places.give_back(node)
            raise
        answer.ended.append(lambda: self._places.give_back(node))
        return answer

    def _route(self, node: str, environ: Environ) -> Answer:
        method = environ["REQUEST_METHOD"]
        path, _, query = environ["REQUEST_URI"].partition("?")
        if path.startswith(BASE):
            return answer_content(self._mirror, method, path, environ.get("HTTP_RANGE", ""))
        found = _GIT.fullmatch(path)
        if found is None or found[1] != node or not repository(self._state, node).exists():
            raise Turned("404 Not Found", "there is no such thing here for this node")
        if found[2] == "info/refs":
            return self._advertise(node, method, query, environ)
        _require_post(method, found[2], query, environ)
        if found[2] == "git-receive-pack":
            return self._push(node, environ)
        body = whole_body(environ, MAX_ASK)
        return self._git(node, "git-upload-pack", environ, body)

    def _advertise(self, node: str, method: str, query: str, environ: Environ) -> Answer:
        if method != "GET":
            raise Turned("405 Method Not Allowed", "GET was expected", ("Allow", "GET"))
        if query not in _SERVICES:
            raise Turned("404 Not Found", "only git's smart protocol is spoken here")
        return self._git(node, _SERVICES[query], environ, None)

    def _push(self, node: str, environ: Environ) -> Answer:
        if not self._pushing.take(node):
            raise Turned("429 Too Many Requests", "this node pushes already", _SOON)
        try:
            return self._taken(node, environ)
        finally:
            self._pushing.give_back(node)

    def _taken(self, node: str, environ: Environ) -> Answer:
        if environ.get("HTTP_CONTENT_ENCODING"):
            raise Turned("415 Unsupported Media Type", "a push is taken as it is")
        take = taking(environ, MAX_PUSH)
        push = Push(take, layout.report_ref(node))
        try:
            body = push.read()
        except Refused as error:
            while take():  # a client listens only when it has said all
                pass
            return _refusal(push, error.problem)
        if take():
            raise Turned("400 Bad Request", "the push goes on after its end")
        if not room_left(repository(self._state, node)):
            return _refusal(push, NO_ROOM)
        if not self._paces.may(node):
            raise Turned(
                "429 Too Many Requests", "this node pushes too often", ("Retry-After", "1")
            )
        answer = self._git(node, "git-receive-pack", environ, body)
        try:
            answer.blocks = [b"".join(answer.blocks)]  # git is done before the next push may come
        except OSError as error:
            answer.close()
            raise Turned("500 Internal Server Error", "git was silent here") from error
        announce(self._state, node)
        return answer

    def _git(self, node: str, service: str, environ: Environ, body: bytes | None) -> Answer:
        version = environ.get("HTTP_GIT_PROTOCOL", "")
        return run_backend(self._state, node, service, body=body, version=version)


def _require_post(method: str, service: str, query: str, environ: Environ) -> None:
    if query:
        raise Turned("404 Not Found", "nothing was expected after the path")
    if method != "POST":
        raise Turned("405 Method Not Allowed", "POST was expected", ("Allow", "POST"))
    if environ.get("CONTENT_TYPE") != f"application/x-{service}-request":
        raise Turned("415 Unsupported Media Type", f"a request to {service} was expected")


def _refusal(push: Push, words: str) -> Answer:
    kind = ("Content-Type", "application/x-git-receive-pack-result")
    return whole("200 OK", [kind], push.refusal(words))
