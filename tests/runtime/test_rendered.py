"""What a rendered chart asks for, and its images by digest: nothing else of it may change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.runtime.rendered import LARGEST, check, read

A, B = ("sha256:" + letter * 64 for letter in "ab")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
"""
SIGNS = "ab ü€😀:#{}"
EVERYTHING = RuntimePolicy(
    privileged=True,
    host_network=True,
    host_paths=("/",),
    unpinned_images=True,
    chart_hooks=True,
    cluster_wide=True,
)


def pod(spec: str) -> str:
    return POD + indented(spec)


def indented(spec: str) -> str:
    return "".join(f"  {line}\n" for line in spec.splitlines())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("containers: [{image: nginx:1}]", 'containers: [{image: "nginx@%s"}]'),
        ('containers: [{image: "nginx:1"}]', 'containers: [{image: "nginx@%s"}]'),
        ("containers: [{image: 'nginx:1'}] # old", 'containers: [{image: "nginx@%s"}] # old'),
        ("initContainers:\n- name: x\n  image: nginx:1", None),
    ],
)
def test_an_image_is_named_by_digest_and_all_else_stays(spec: str, expected: str | None) -> None:
    text = pod(spec) + "# yes: 012 is kept as it is\nx: yes\n"
    found = read(text)
    assert found.image_names() == ("nginx:1",)
    pinned = found.pinned({"nginx:1": A}, RuntimePolicy())
    whole = expected % A if expected else spec.replace("nginx:1", f'"nginx@{A}"')
    assert pinned == text.replace(indented(spec), indented(whole))


@given(st.text(SIGNS, max_size=20), st.sampled_from(["nginx:1", "r.io:5000/a/b:2", "a@" + B]))
def test_whatever_stands_before_it_the_right_place_changes(words: str, image: str) -> None:
    note = f"note: {json.dumps(words, ensure_ascii=False)}\n"
    text = note + pod(f"containers: [{{image: {json.dumps(image)}}}]")
    found = read(text)
    pinned = found.pinned({image: A}, RuntimePolicy())
    name = image.partition("@")[0].removesuffix(":1").removesuffix(":2")
    assert pinned == text.replace(json.dumps(image), json.dumps(f"{name}@{A}"))
    assert read(pinned).image_names() == (f"{name}@{A}",)


@pytest.mark.parametrize("image", ["nginx", "nginx:latest", "x@sha256:aa"])
def test_an_image_that_is_not_locked_is_refused(image: str) -> None:
    found = read(pod(f"containers: [{{image: '{image}'}}]"))
    with pytest.raises(Refused, match="not locked") as caught:
        found.pinned({"other": A}, RuntimePolicy())
    assert caught.value.rule == "image"
    assert image in found.pinned({}, RuntimePolicy(unpinned_images=True))


def test_an_image_by_digest_needs_no_lock() -> None:
    text = pod(f"containers: [{{image: 'nginx@{A}'}}]")
    assert read(text).pinned({}, RuntimePolicy()) == text


@pytest.mark.parametrize(
    ("text", "words", "field"),
    [
        (pod("containers: [{securityContext: {privileged: true}}]"), "a privileged", "privileged"),
        (pod("containers: [{securityContext: {privileged: 'yes'}}]"), "a privileged", "privileged"),
        (pod("containers: [{securityContext: {capabilities: {add: [X]}}}]"), "cap", "privileged"),
        (pod("hostNetwork: true\ncontainers: []"), "the host's network", "hostNetwork"),
        (pod("hostPID: true\ncontainers: []"), "hostPID", "privileged"),
        (pod("hostIPC: true\ninitContainers: []"), "hostIPC", "privileged"),
        (pod("containers: []\nvolumes: [{hostPath: {path: /etc}}]"), "mounts /etc", "hostPaths"),
        (pod("containers: []\nvolumes: [{hostPath: {path: /a/../etc}}]"), "mounts", "hostPaths"),
        ("kind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: x}}", "a hook", "chartHooks"),
        ("kind: ClusterRole\nmetadata: {name: r}", "reaches beyond", "clusterWide"),
        ("kind: CustomResourceDefinition\nmetadata: {name: r}", "reaches", "clusterWide"),
        ("kind: Secret\nmetadata: {name: s, namespace: kube-system}", "reaches", "clusterWide"),
        ("kind: List\nitems: [{kind: ClusterRole, metadata: {name: r}}]", "reaches", "clusterWide"),
        ("kind: Odd\nspec: {deep: [{containers: [], hostPID: true}]}", "hostPID", "privileged"),
    ],
)
def test_what_reaches_for_the_host_needs_the_policy(text: str, words: str, field: str) -> None:
    found = read("---\nkind: ConfigMap\nmetadata: {name: c}\n---\n" + text)
    with pytest.raises(Refused, match=words) as caught:
        check(found, "press", RuntimePolicy(host_paths=("/a/b",)))
    assert (caught.value.rule, field in caught.value.help) == ("runtime-policy", True)
    check(found, "press", EVERYTHING)


def test_a_folder_that_the_policy_names_may_be_mounted() -> None:
    text = pod("containers: []\nvolumes: [{hostPath: {path: /var/lib/press/data}}]")
    check(read(text), "press", RuntimePolicy(host_paths=("/var/lib/press",)))
    with pytest.raises(Refused):
        check(read(text), "press", RuntimePolicy(host_paths=("/var/lib/pre",)))


@pytest.mark.parametrize(
    "text",
    [
        pod("containers:\n- securityContext: {<<: &x {privileged: true}}"),
        pod("containers:\n- securityContext: {privileged: false, privileged: true}"),
        pod("containers: [{image: &i nginx:1}]"),
        pod("containers: [{image: !!str nginx:1}]"),
        pod("containers:\n- image: |-\n    nginx:1"),
        "kind: [",
        "kind: Deep\nx: " + "[" * 100 + "]" * 100,
        "x" * LARGEST,
    ],
    ids=["merge", "twice", "anchor", "tag", "block", "broken", "deep", "large"],
)
def test_what_readers_could_take_otherwise_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)


def test_aliases_without_end_are_read_once() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(60))
    assert read("kind: Bomb\nmetadata: {name: b}\n" + bomb).objects[0].kind == "Bomb"


def test_what_is_no_object_is_left_alone() -> None:
    assert read("# nothing\n---\n---\nx: 1\n").objects == ()
