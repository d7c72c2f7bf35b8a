"""Golden cases of damage: the frame, TRIP.json, the seal, the bundle, the blobs."""

from __future__ import annotations

from collections.abc import Iterator

from dulwich.objects import Blob

from margo_gitops.documents import canonical
from margo_gitops.documents.archive import BLOCK, END, header, padding
from margo_gitops.model.record import Artifact
from margo_gitops.roles.trips.blobs import blob_part, layout_parts
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP
from margo_gitops.trust.trips import seal
from tests.trips.cases import ALICE, FIRST, THIRD, Case, refused
from tests.trips.making import (
    Entries,
    again,
    bit_flipped,
    bundle_of,
    entries,
    flipped,
    framed,
    said,
)
from tests.trips.story import Story

LAYER = b"a layer of an image, as far as anyone here knows\n"
_HALF, _MTIME, _CHECKSUM = 700, 146, slice(148, 156)


def frame(told: Story) -> Iterator[Case]:
    """Cut short, grown, in another order, or spelled otherwise."""
    data = told.trips["4"]
    content = entries(data)
    json, sealed, bundle = content
    for name, cut in (
        ("cut-empty", b""),
        ("cut-in-json", data[:_HALF]),
        ("cut-before-bundle", data[: -len(END) - 2 * BLOCK]),
        ("cut-last-byte", data[:-1]),
    ):
        yield refused(name, cut, THIRD, "truncated", f"the first {len(cut)} bytes of {len(data)}")
    for name, changed, why in (
        ("extra-byte", data + b"\0", "one byte after the end"),
        ("extra-zeros", data + bytes(BLOCK), "a block of zeros more, as tar pads"),
        ("entries-reordered", framed([sealed, json, bundle]), "the seal before TRIP.json"),
        ("part-too-many", framed([*content, ("oci/oci-layout", b"{}")]), "one TRIP.json lacks"),
        ("entry-named-dots", framed_as(content, b"../TRIP.json"), "an entry ../TRIP.json"),
        ("size-lies", _lies(data), "TRIP.json of 8 GiB, its header says"),
        ("flipped-header", _with_mtime(data), "another mtime, its checksum right"),
        ("flipped-part-header", _part_header(data), "a bit in the group of refs.bundle's entry"),
        ("flipped-padding", bit_flipped(data, _after(content[:1]) * 8 - 8), "after TRIP.json"),
        ("flipped-end", bit_flipped(data, len(data) * 8 - 8), "the last byte"),
    ):
        yield refused(name, changed, THIRD, "trip", why)


def framed_as(content: Entries, name: bytes) -> bytes:
    """The first entry under a name that our writer never writes."""
    block = bytearray(framed(content))
    block[:100] = name.ljust(100, b"\0")
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block[:BLOCK])
    return bytes(block)


def paper(told: Story) -> Iterator[Case]:
    """TRIP.json and its seal, changed by accident or by a hand that can sign."""
    data = told.trips["4"]
    json, _, bundle = entries(data)
    number = flipped(data, TRIP, b'4,"parts"')
    yield refused("flipped-json", number, THIRD, "signature", "number 5 in place of 4")
    yield refused("flipped-json-brace", flipped(data, TRIP, b"{"), THIRD, "format", "no JSON")
    yield refused("flipped-seal", flipped(data, SEAL), THIRD, "signature", "a bit in TRIP.sig")
    two = b'"number":4'
    for name, changed, why in (
        ("json-spaces", json[1].replace(b",", b", "), "another spelling"),
        ("json-unknown-key", json[1].replace(two, two + b',"odd":1'), "a key that none knows"),
        ("json-twice", json[1].replace(two, two + b"," + two), "a key twice"),
        ("json-huge", json[1].replace(b'"generation":5', b'"generation":9007199254740992'), "2^53"),
        ("json-path", json[1].replace(b'"refs.bundle"', b'"../refs.bundle"'), "a part named ../"),
    ):
        whole = framed([(TRIP, changed), (SEAL, seal(changed, ALICE)), bundle])
        yield refused(name, whole, THIRD, "format", why)


def bundles(told: Story) -> Iterator[Case]:
    """Bundles that are not what TRIP.json says, or not whole; told with their own digests."""
    data, store = told.trips["2"], told.fleet.remote
    trip, bundle = said(data), dict(entries(data))[BUNDLE]
    yield refused("flipped-bundle", flipped(data, BUNDLE), FIRST, "digest", "a bit in the pack")
    fewer = dict(list(trip.refs.items())[:1])
    full = bundle_of(store, trip.refs, keep=lambda _: False)
    pack = bundle.index(b"PACK")
    for name, changed, rule, why in (
        ("bundle-other-refs", bundle_of(store, fewer, trip.prerequisites), "bundle", "fewer refs"),
        ("bundle-no-base", full, "bundle", "it names no prerequisite"),
        ("bundle-no-bundle", b"\0" * 100, "bundle", "no bundle at all"),
        ("bundle-cut", bundle[:-30], "corrupt", "a pack that was cut short"),
        ("bundle-flipped", bit_flipped(bundle, pack * 8 + 640), "corrupt", "a flip before packing"),
        ("blob-dropped", _without_blob(told), "incomplete", "it lacks one blob of its newest tree"),
    ):
        yield refused(name, again(data, ALICE, {BUNDLE: changed}), FIRST, rule, why)

    rival = told.trips["rival-2"]
    lacks = again(rival, ALICE, {BUNDLE: _without_older_blob(told)})
    why = "it lacks a blob of the commit before its newest, which only a whole walk misses"
    yield refused("blob-dropped-before", lacks, FIRST, "incomplete", why)


def blobs(told: Story) -> Iterator[Case]:
    """An OCI layout beside the bundle, whole and not."""
    artifact = Artifact(
        digest=canonical.digest(LAYER),
        size=len(LAYER),
        media_type="application/vnd.oci.image.layer.v1.tar",
    )
    layer = blob_part(artifact).name
    papers = {part.name: data for part, data in layout_parts([artifact]).items()}
    data = again(told.trips["4"], ALICE, {layer: LAYER, **papers})
    yield Case("blob", data, THIRD, "nothing-new", "a layer comes, no new state", number=4)
    for name, part in (
        ("flipped-blob", layer),
        ("flipped-index", "oci/index.json"),
        ("flipped-layout", "oci/oci-layout"),
    ):
        yield refused(name, flipped(data, part), THIRD, "digest", f"a bit in {part[:15]}")
    wrong = again(told.trips["4"], ALICE, {layer: LAYER + b"!", **papers})
    yield refused("blob-misnamed", wrong, THIRD, "digest", "its name is another digest")
    parts = said(data).parts
    order = again(data, ALICE)
    told_parts = canonical.dump(said(order).model_copy(update={"parts": parts[::-1]}))
    content = dict(entries(data))
    whole = framed(
        [
            (TRIP, told_parts),
            (SEAL, seal(told_parts, ALICE)),
            *((part.name, content[part.name]) for part in parts[::-1]),
        ]
    )
    yield refused("parts-reordered", whole, THIRD, "trip", "the bundle last, in TRIP.json too")
    absent = framed([entry for entry in entries(data) if entry[0] != "oci/oci-layout"])
    yield refused("part-absent", absent, THIRD, "truncated", "one that TRIP.json lists")


def _without_blob(told: Story) -> bytes:
    trip = said(told.trips["2"])
    found: list[bytes] = []

    def keep(item: object) -> bool:
        if isinstance(item, Blob) and not found:
            found.append(item.id)
            return False
        return True

    return bundle_of(told.fleet.remote, trip.refs, trip.prerequisites, keep)


def _without_older_blob(told: Story) -> bytes:
    trip, store = said(told.trips["rival-2"]), told.twin
    tip = trip.refs["refs/heads/site/north"]
    (before,) = store.commit(tip).parents
    dropped = min(set(store.paths(before).values()) - set(store.paths(tip).values())).encode()
    return bundle_of(store, trip.refs, trip.prerequisites, lambda item: item.id != dropped)


def _lies(data: bytes) -> bytes:
    return header(TRIP, 8 << 30) + data[BLOCK:]


def _with_mtime(data: bytes) -> bytes:
    block = bytearray(data[:BLOCK])
    block[_MTIME] = ord("1")
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block) + data[BLOCK:]


def _part_header(data: bytes) -> bytes:
    """A flip where the entry says whose group it is: no reader needs that to find the parts."""
    return bit_flipped(
        data, (data.index(header(BUNDLE, len(dict(entries(data))[BUNDLE]))) + 297) * 8
    )


def _after(content: Entries) -> int:
    """Where the padding of the last of these entries ends."""
    return sum(BLOCK + len(data) + len(padding(len(data))) for _, data in content)
