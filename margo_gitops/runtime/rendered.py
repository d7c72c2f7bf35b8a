"""A chart as helm rendered it: what it asks for, and its images by digest.

Read as nodes with their places in the text, not as values: Kubernetes reads YAML otherwise than we
do (`yes`, `012`), so that what is not changed must stay byte for byte.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.fleet import RuntimePolicy

LARGEST = 4 << 20
"""Characters of a rendered chart; helm keeps at most 1 MB of it, compressed."""

_MOST_NODES = 200_000
_DEEPEST = 64
_PODS = ("containers", "initContainers", "ephemeralContainers")
_FALSE = frozenset({"", "false", "False", "FALSE", "no", "No", "off", "null", "~"})
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_HOOK = "helm.sh/hook"
_WIDE = frozenset(
    {
        *("Namespace", "Node", "PersistentVolume", "StorageClass", "VolumeAttachment", "CSIDriver"),
        *("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService"),
        *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "PriorityClass"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "IngressClass"),
        *("RuntimeClass", "PodSecurityPolicy", "CertificateSigningRequest", "FlowSchema"),
        "PriorityLevelConfiguration",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A scalar of the text, and where it stands."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Object:
    """One object; `namespace` is empty where it names none."""

    kind: str
    name: str
    namespace: str
    hook: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of a chart, the images that they run, and what they ask of their hosts.

    `asks` are pairs of a permission of the runtime policy and what asks for it, in words.
    """

    text: str
    objects: tuple[Object, ...]
    images: tuple[Place, ...]
    asks: tuple[tuple[str, str], ...]

    def image_names(self) -> tuple[str, ...]:
        """Each image once, sorted."""
        return tuple(sorted({place.value for place in self.images}))

    def pinned(self, digests: Mapping[str, str], policy: RuntimePolicy) -> str:
        """The text with each image by its digest.

        Raises `Refused` (rule `image`) for one that is neither locked nor named by digest, unless
        the policy lets them run by name.
        """
        text, at = [], 0
        for place in sorted(self.images, key=lambda place: place.start):
            digest = digests.get(place.value)
            if digest is not None:
                text += [self.text[at : place.start], json.dumps(_by_digest(place.value, digest))]
                at = place.end
            elif not (policy.unpinned_images or _BY_DIGEST.search(place.value)):
                raise Refused(
                    f"the chart asks for the image {place.value[:200]}, which is not locked; locked"
                    f" are {', '.join(sorted(digests)) or 'none'}",
                    rule="image",
                    help="margo app lock, at the fleet's clone",
                )
        return "".join([*text, self.text[at:]])


def read(text: str) -> Rendered:
    """The objects of what `helm template` printed. Raises `Invalid` for what is no such thing."""
    if len(text) >= LARGEST:
        raise Invalid(f"the chart renders to more than {LARGEST >> 20} MiB")
    roots = _roots(text)
    objects: list[Object] = []
    images: dict[int, Place] = {}
    asks: list[tuple[str, str]] = []
    for root in (part for document in roots for part in _listed(document)):
        fields = _fields(root)
        object = _object(fields)
        if object is None:
            continue
        objects.append(object)
        for node in _nested(root):
            images |= {place.start: place for place in _images(node, text)}
            asks += [(need, f"{object.kind} {object.name} {what}") for need, what in _asks(node)]
    return Rendered(text, tuple(objects), tuple(images.values()), tuple(asks))


def check(rendered: Rendered, namespace: str, policy: RuntimePolicy) -> None:
    """Raises `Refused` (rule `runtime-policy`) for what the site does not allow."""
    for object in rendered.objects:
        who = f"{object.kind} {object.name}"
        if object.hook and not policy.chart_hooks:
            raise _no(f"{who} is a hook, which runs outside of what is watched", "chartHooks")
        wide = object.kind in _WIDE or object.namespace not in {"", namespace}
        if wide and not policy.cluster_wide:
            raise _no(f"{who} reaches beyond the namespace {namespace}", "clusterWide")
    for need, what in rendered.asks:
        if not _allowed(need, what, policy):
            raise _no(what, need)


def _allowed(need: str, what: str, policy: RuntimePolicy) -> bool:
    if need != "hostPaths":
        return policy.privileged if need == "privileged" else policy.host_network
    path = posixpath.normpath(what.rpartition(" mounts ")[2])
    return any((path + "/").startswith(root.rstrip("/") + "/") for root in policy.host_paths)


def _no(what: str, field: str) -> Refused:
    meant = "[...]" if field == "hostPaths" else "true"
    return Refused(
        f"{what}, which this site's runtime policy does not allow",
        rule="runtime-policy",
        help=f"runtime: {{{field}: {meant}}} in the site's file, if that is meant",
    )


def _roots(text: str) -> list[Node]:
    """The documents; by the slow parser where the quick one, of YAML 1.1, does not understand."""
    try:
        try:
            found = list(YAML(typ="safe").compose_all(text))
        except YAMLError:
            found = list(YAML(typ="safe", pure=True).compose_all(text))
    except (YAMLError, RecursionError) as error:
        raise Invalid(f"the chart does not render to YAML: {str(error)[:200]}") from error
    return [node for node in found if node is not None]


def _listed(root: Node) -> list[Node]:
    """The objects of a `List`, any other by itself."""
    fields = _fields(root)
    is_list = _text(fields.get("kind")).endswith("List")
    return _items(fields.get("items")) if is_list else [root]


def _object(fields: Mapping[str, Node]) -> Object | None:
    kind = _text(fields.get("kind"))
    if not kind:
        return None
    metadata = _fields(fields.get("metadata"))
    annotations = _fields(metadata.get("annotations"))
    name, namespace = (_text(metadata.get(key)) for key in ("name", "namespace"))
    return Object(kind, name, namespace, _HOOK in annotations)


def _images(node: Mapping[str, Node], text: str) -> Iterator[Place]:
    for container in _containers(node):
        image = container.get("image")
        if not isinstance(image, ScalarNode):
            continue
        start, end = image.start_mark.index, image.end_mark.index
        if text[start : start + 1] in {"&", "!", "|", ">"}:
            raise Invalid(f"the image {image.value[:80]!r} is not written as a plain value")
        yield Place(image.value, start, end)


def _asks(pod: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """What a mapping that is a pod's specification asks of the host."""
    if not any(key in pod for key in _PODS):
        return
    if _true(pod.get("hostNetwork")):
        yield "hostNetwork", "asks for the host's network"
    for key in ("hostPID", "hostIPC"):
        if _true(pod.get(key)):
            yield "privileged", f"asks for {key}"
    for container in _containers(pod):
        context = _fields(container.get("securityContext"))
        if _true(context.get("privileged")):
            yield "privileged", "asks for a privileged container"
        if _items(_fields(context.get("capabilities")).get("add")):
            yield "privileged", "asks for more capabilities"
    for volume in _items(pod.get("volumes")):
        path = _fields(_fields(volume).get("hostPath")).get("path")
        if path is not None:
            yield "hostPaths", f"mounts {_text(path)}"


def _containers(pod: Mapping[str, Node]) -> list[Mapping[str, Node]]:
    return [_fields(item) for key in _PODS for item in _items(pod.get(key))]


def _nested(root: Node) -> Iterator[Mapping[str, Node]]:
    """Every mapping below a node, each once."""
    due, seen = [(root, 0)], {id(root)}
    while due:
        node, depth = due.pop()
        if len(seen) > _MOST_NODES or depth > _DEEPEST:
            raise Invalid(f"the chart renders to more than {_MOST_NODES} values, or too deep ones")
        if isinstance(node, MappingNode):
            yield _fields(node)
            below = [value for _, value in node.value]
        else:
            below = node.value if isinstance(node, SequenceNode) else []
        due += [(item, depth + 1) for item in below if id(item) not in seen]
        seen |= {id(item) for item in below}


def _fields(node: Node | None) -> dict[str, Node]:
    """A mapping's fields; what readers of YAML disagree about is `Invalid`."""
    if not isinstance(node, MappingNode):
        return {}
    fields = {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}
    if "<<" in fields or len(fields) != len(node.value):
        line = node.start_mark.line + 1
        raise Invalid(f"the chart renders to a merge key, or one key twice, at line {line}")
    return fields


def _items(node: Node | None) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _true(node: Node | None) -> bool:
    return node is not None and not (isinstance(node, ScalarNode) and node.value in _FALSE)


def _by_digest(image: str, digest: str) -> str:
    """The image without its tag: beside a digest it says nothing, and older engines refuse it."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return f"{head if colon and '/' not in tag else name}@{digest}"
