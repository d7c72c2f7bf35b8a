"""Documents of a given size, one of each kind, no two alike."""

from __future__ import annotations

from tests.documents import bases

SIZE = 2048
"""Bytes of a document: what the targets are about."""

_MORE = {
    "deployment": (
        bases.DEPLOYMENT_D,
        """\
    extra{n}:
      value: {n}
      targets:
        - pointer: EXTRA_{n}
          components: [scale-stack]
""",
    ),
    "capabilities": (bases.CAPABILITIES_D, "  example.com/extra-{n}: {n}\n"),
    "status": (bases.STATUS_D, "  - name: extra-{n}\n    state: installed\n"),
    "manifest": (
        bases.MANIFEST_D,
        """\
  - deploymentId: {n:08x}-6d5f-4c39-9f0e-51b6a1f0c2d4
    digest: sha256:{n:064x}
    sizeBytes: {n}
    url: /api/v1/deployments/{n:08x}-6d5f-4c39-9f0e-51b6a1f0c2d4/sha256:{n:064x}
""",
    ),
    "intent": (bases.INTENT, "  extra{n}: {n}\n"),
}
_PARAMETER = (
    "  extra{n}:\n    value: {n}\n    targets:\n"
    "      - pointer: EXTRA_{n}\n        components: [scale-stack]\n"
)
_SETTING = "        - parameter: extra{n}\n          name: Extra\n          schema: anyCount\n"
_SCHEMA = "    - name: anyCount\n      dataType: integer\n"

KINDS = ("description", *_MORE)


def paper(kind: str, number: int) -> bytes:
    """The document of this kind and number: `SIZE` bytes or a little more."""
    if kind == "description":
        return _description(number)
    text, more = _MORE[kind]
    n = number * 1000
    while len(text) < SIZE:
        n += 1
        text += more.format(n=n)
    return text.encode()


def _description(number: int) -> bytes:
    head, configuration = bases.DESCRIPTION_D.split("configuration:\n")
    sections, schemas = configuration.split("  schema:\n")
    n = number * 1000
    while len(head) + len(sections) + len(schemas) < SIZE:
        n += 1
        head += _PARAMETER.format(n=n)
        sections += _SETTING.format(n=n)
    return f"{head}configuration:\n{sections}  schema:\n{schemas}{_SCHEMA}".encode()
