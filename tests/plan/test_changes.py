"""What a proposal changes, as a reviewer reads it: each kind, and which sites are alike."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import canonical
from margo_gitops.documents.neutral import neutral
from margo_gitops.model.layout import deployment_id, settings_id
from margo_gitops.model.proposal import Group
from margo_gitops.model.record import ComponentArtifact, Content, Record
from margo_gitops.plan.changes import RecordChange, Side, at, grouped, summary
from tests.fleet import FLEET_ID
from tests.trust.golden import FOLDER

DOCUMENT = (FOLDER / "site-north" / "deployments" / "hello.yaml").read_bytes()
"""One that a small signed fleet really got, of the site north."""

OLD, NEW = (f"sha256:{digit * 64}" for digit in "ab")


def side(site: str = "north", node: str = "*", document: bytes = DOCUMENT, **given: Any) -> Side:
    """The record of a deployment with its document, as that site would have it."""
    id = deployment_id(FLEET_ID, site, "hello")
    held = DOCUMENT.splitlines()[1].split(b'"')[1]
    text = document.replace(held, id.encode()).replace(b'"north/*"', f'"{site}/{node}"'.encode())
    fields: dict[str, Any] = {
        "fleet": FLEET_ID,
        "site": site,
        "id": id,
        "name": "hello",
        "application": "hello-wasm",
        "version": "1.0.0",
        "target": f"{site}/{node}",
        "revision": 1,
        "replaces": None,
        "action": "set",
        "document": Content(digest=canonical.digest(text), size=len(text)),
        "artifacts": (pin(OLD),),
    }
    return Side(Record(**{**fields, **given}), text)


def pin(digest: str, image: str | None = None) -> ComponentArtifact:
    media = "application/wasm"
    return ComponentArtifact(
        component="hello", image=image, digest=digest, size=1, media_type=media
    )


def removed(site: str = "north") -> Side:
    return Side(side(site).record.model_copy(update={"action": "remove", "document": None}), None)


def settings(site: str, privileged: str) -> Side:
    data = f'{{"kind":"SiteSettings","runtime":{{"privileged":{privileged}}},"site":"{site}"}}'
    record = side(site).record.model_copy(
        update={
            "id": settings_id(FLEET_ID, site),
            "name": "settings",
            "application": None,
            "version": None,
            "artifacts": (),
        }
    )
    return Side(record, data.encode())


def test_a_new_deployment_is_shown_whole() -> None:
    (group,) = grouped([RecordChange(None, side(node="n1"))])
    assert group.title == "hello: new, hello-wasm 1.0.0 on n1"
    assert group.lines[0] == f"+ artifact of hello: {OLD}"
    assert "+      value: Hello" in group.lines
    assert '+  deviceId: "any-site/n1"' in group.lines


def test_what_came_after_a_removal_is_new() -> None:
    (group,) = grouped([RecordChange(removed(), side())])
    assert group.title == "hello: new, hello-wasm 1.0.0"


def test_a_parameter_is_told_and_its_lines_are_shown() -> None:
    after = side(document=DOCUMENT.replace(b"value: Hello", b"value: Moin"))
    (group,) = grouped([RecordChange(side(), after)])
    assert group.title == "hello: hello-wasm 1.0.0, changed"
    assert group.lines[0] == "parameter greeting: Hello -> Moin"
    assert [line for line in group.lines if line[0] in "-+"] == [
        "-      value: Hello",
        "+      value: Moin",
    ]


def test_a_version_and_its_digests_are_told() -> None:
    image = "registry.example/press:1"
    after = side(version="1.1.0", artifacts=(pin(NEW), pin(NEW, image)))
    (group,) = grouped([RecordChange(side(), after)])
    assert group.title == "hello: hello-wasm 1.0.0 -> 1.1.0"
    assert group.lines[:3] == (
        f"- artifact of hello: {OLD}",
        f"+ artifact of hello: {NEW}",
        f"+ image {image} of hello: {NEW}",
    )


def test_another_node_is_told() -> None:
    (group,) = grouped([RecordChange(side(), side(node="n1"))])
    assert "node: any -> n1" in group.lines


def test_a_removal_says_what_becomes_of_it() -> None:
    (group,) = grouped([RecordChange(side(), removed())])
    assert group == Group(
        "hello: removed, hello-wasm 1.0.0",
        ("north",),
        ("it is stopped, and its workloads are removed",),
    )


def test_the_same_again_says_so() -> None:
    (group,) = grouped([RecordChange(side(), side(revision=2))])
    assert group.lines == (
        "the same documents and digests as now, in a further revision or approved anew",
    )


def test_settings_are_shown_a_field_a_line() -> None:
    changes = [RecordChange(settings(s, "false"), settings(s, "true")) for s in ("north", "south")]
    (group,) = grouped(changes)
    assert group.title == "the site's settings"
    assert group.sites == ("north", "south")
    assert '+    "privileged": true' in group.lines
    assert not [line for line in group.lines if "north" in line]


def test_sites_that_get_the_same_are_one_group_and_the_others_their_own() -> None:
    moin = DOCUMENT.replace(b"value: Hello", b"value: Moin")
    ahoy = DOCUMENT.replace(b"value: Hello", b"value: Ahoy")
    sites = [f"s{number}" for number in range(8)]
    changes = [RecordChange(side(s), side(s, document=moin)) for s in sites]
    changes.append(RecordChange(side("x"), side("x", document=ahoy)))
    first, second = grouped(changes)
    assert (first.sites, second.sites) == (tuple(sites), ("x",))
    assert summary((first, second)) == "8 sites alike, 1 differs"
    assert at((first, second), "x") == (second,)
    assert at((first, second), "s3")[0].sites == ("s3",)
    assert at((first, second), "nowhere") == ()


def test_a_site_that_gets_more_than_the_others_differs() -> None:
    changes = [RecordChange(side(s), removed(s)) for s in ("a", "b", "c")]
    changes.append(RecordChange(settings("c", "false"), settings("c", "true")))
    assert summary(grouped(changes)) == "2 sites alike, 1 differs"
    assert summary(grouped(changes[:1])) == "1 site"
    assert summary(()) == "0 sites alike"


@given(st.binary(max_size=200), st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]))
def test_two_documents_are_alike_only_if_id_and_target_are_all_that_differs(
    rest: bytes, one: str, other: str
) -> None:
    """Whatever else is in them, also what looks like the words that stand for id and site."""

    def written(site: str, tail: bytes) -> bytes:
        id = deployment_id(FLEET_ID, site, "hello").encode()
        return b'id: "' + id + b'"\ndeviceId: "' + site.encode() + b'/*"\n' + tail

    def plain(site: str, tail: bytes) -> bytes:
        id = deployment_id(FLEET_ID, site, "hello")
        return neutral(written(site, tail), id, f"{site}/*")

    assert plain(one, rest) == plain(other, rest) or b"any-site" in rest or b"0000-" in rest
    assert plain(one, rest) != plain(other, rest + b"x")


def test_a_document_that_names_the_stand_ins_is_left_as_it_is() -> None:
    held = side("north").document or b""
    tricked = held + b"# any-site/*\n"
    assert neutral(tricked, side("north").record.id, "north/*") == tricked
