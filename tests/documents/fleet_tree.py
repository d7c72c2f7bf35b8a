"""A small, right fleet repository as a mapping, for rules across files to be broken in."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.documents.findings import Finding
from margo_gitops.documents.fleet import Files, Layout, Survey, breaches, is_document, judge, survey
from margo_gitops.model.record import ApplicationLock, Content, LockedComponent

Tree = Mapping[str, bytes]

DESCRIPTION = """\
apiVersion: v1
id: scale
metadata:
  name: Scale
  version: "{version}"
  catalog:
    application:
      icon: resources/icon.png
    organization:
      - name: Example
deploymentProfiles:
  - type: custom
    id: wasm
    components:
      - name: reader
        properties:
          repository: oci://fleet.invalid/scale/reader
          revision: 1.0.0
        x-margo-gitops-extensions:
          artifact: resources/reader.wasm
    deviceConstraints:
      eligibilityRules:
        - labelSelector:
            matchExpressions:
              - key: margo-gitops/wasi
                operator: Exists
parameters:
  unit:
    value: {unit}
    targets:
      - pointer: UNIT
        components: ["reader"]
  rate:
    value: 4
    targets:
      - pointer: RATE
        components: ["reader"]
configuration:
  sections:
    - name: Scale
      settings:
        - parameter: unit
          name: Unit
          schema: word
          immutable: true
        - parameter: rate
          name: Rate
          schema: count
  schema:
    - name: word
      dataType: string
      minLength: 1
    - name: count
      dataType: integer
      minValue: 1
      maxValue: 9
"""
INTENT = """\
apiVersion: margo-gitops/v1
kind: DeploymentIntent
name: weigh
application:
  id: scale
  version: "1.0.0"
profile: wasm
targets:
  sites:
    - north
  node: n1
parameters:
  rate: 5
overrides:
  north:
    parameters:
      rate: 6
"""
_HEAD = "apiVersion: margo-gitops/v1\nkind: {kind}\n"


def package(version: str = "1.0.0", unit: str = "kg") -> dict[str, bytes]:
    """One version of the application with its lock."""
    folder = f"apps/scale/{version}"
    text = DESCRIPTION.format(version=version, unit=unit).encode()
    reader = LockedComponent(
        profile="wasm",
        component="reader",
        source="oci://fleet.invalid/scale/reader",
        artifact=None,
        path="resources/reader.wasm",
    )
    lock = ApplicationLock(
        application="scale",
        version=version,
        description=Content(digest=canonical.digest(text), size=len(text)),
        components=(reader,),
    )
    return {
        f"{folder}/margo.yaml": text,
        f"{folder}/resources/icon.png": b"png",
        f"{folder}/resources/reader.wasm": b"\0asm",
        f"locks/scale/{version}.json": canonical.dump(lock),
    }


def site(id: str) -> bytes:
    return (_HEAD.format(kind="Site") + f"id: {id}\n").encode()


def device(site: str, id: str, device_id: str | None = None) -> bytes:
    name = device_id or f"{site}/{id}"
    body = f"id: {id}\nsite: {site}\ndeviceId: {name}\n"
    return (_HEAD.format(kind="Device") + body).encode()


def fleet() -> dict[str, bytes]:
    """A fleet in which nothing is wrong."""
    id = "6f0e9b1c-6a55-4a57-9a06-2f3f3d0d9a11"
    return {
        "fleet.yaml": (_HEAD.format(kind="Fleet") + f"id: {id}\nname: plant\n").encode(),
        "sites/north.yaml": site("north"),
        "sites/south.yaml": site("south"),
        "devices/north/n1.yaml": device("north", "n1"),
        "devices/south/s1.yaml": device("south", "s1"),
        "deployments/weigh.yaml": INTENT.encode(),
        **package(),
    }


def edited(tree: Tree, path: str, old: str, new: str) -> dict[str, bytes]:
    """The tree with a text in one file replaced, which must be there."""
    text = tree[path].decode()
    assert old in text
    return {**tree, path: text.replace(old, new).encode()}


def without(tree: Tree, prefix: str) -> dict[str, bytes]:
    left = {path: data for path, data in tree.items() if not path.startswith(prefix)}
    assert left != tree
    return left


def found(
    tree: Tree,
    before: Tree | None = None,
    *,
    layout: Layout = Layout.FLEET,
    tags: tuple[str, ...] = (),
) -> list[Finding]:
    """The findings of the rules across files, placed."""
    held = None if before is None else _survey(before, layout)
    broken = breaches(_survey(tree, layout), {}, held, tags)
    return [item.placed(Files(tree)) for item in broken]


def told(findings: list[Finding]) -> list[tuple[str, int, str]]:
    """Path, line and rule of each."""
    return sorted((finding.path, finding.line, finding.rule) for finding in findings)


def _survey(tree: Tree, layout: Layout) -> Survey:
    documents = {path: data for path, data in tree.items() if is_document(layout, path)}
    verdicts = {path: judge(data) for path, data in documents.items()}
    return survey(layout, Files(tree), verdicts)
