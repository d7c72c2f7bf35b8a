"""ProblemDetail: an error of the management API (RFC 9457; specification, problem types)."""

from __future__ import annotations

from margo_gitops.documents.shapes.words import Shape, flag, integer, list_of, obj, text, word

_TYPES = "https://docs.margo.org/specification/problem-types#"
_IDS = (
    *("invalid-request", "semantic-error", "not-authorized", "gateway-not-found"),
    *("device-not-found", "invalid-bundle", "deployment-not-found"),
    "server-cannot-generate-response",
)


def problem() -> Shape:
    """The shape of an error; members of others are let in, as RFC 9457 asks."""
    types = [f"{_TYPES}{id_}" for id_ in _IDS]
    fault = obj(
        "One fault of the request.",
        may={
            "field": text("The field of the request's body, as properties.id."),
            "message": text("What is wrong with it."),
        },
        closed=False,
    )
    return obj(
        "Why a request failed.",
        must={
            "type": word("Which problem it is; programs decide by this.", *types, "about:blank"),
            "title": text("The problem in a few words."),
            "status": integer("The HTTP status.", least=100, most=599),
        },
        may={
            "detail": text("What happened this time."),
            "instance": text("The address that it happened at."),
            "retryable": flag("Whether the same request may succeed later."),
            "retryAfterSeconds": integer("How long to wait first.", least=0),
            "backoffStrategy": word("How to space retries.", "none", "fixed", "exponential"),
            "errors": list_of("Every fault of the request.", fault),
        },
        closed=False,
    )
