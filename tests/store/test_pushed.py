"""A push is judged from its bytes, as they come."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Refused
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.pack import write_pack
from margo_gitops.store.pushed import MAX_PUSH, MOST, Push
from margo_gitops.store.walk import Known, reachable
from tests.store.hostile import entry, make_pack, pkt
from tests.store.making import chain

REF = "refs/heads/report/n1"
BLOB, OFS = 3, 6
ZERO = "0" * 40
CAPS = b"\0 report-status side-band-64k agent=x"


def command(new: str = "ab" * 20, ref: str = REF, caps: bytes = CAPS, old: str = ZERO) -> bytes:
    return pkt(f"{old} {new} {ref}".encode() + caps)


def coming(data: bytes, size: int = 7) -> Callable[[], bytes]:
    file = io.BytesIO(data)
    return lambda: file.read(size)


def real() -> bytes:
    with GitStore.memory() as store:
        tip = chain(store, 3)[-1]
        file = io.BytesIO()
        write_pack(file, reachable(store.objects, [oid(tip)], Known(store.objects, [])))
    return command(tip) + b"0000" + file.getvalue()


@given(size=st.integers(1, 5000))
def test_a_real_push_is_taken_whole_in_blocks_of_any_size(size: int) -> None:
    data = real()
    assert Push(coming(data, size), REF).read() == data


@given(data=st.data())
def test_its_end_is_found_without_an_end_of_the_stream(data: st.DataObject) -> None:
    whole = real()
    asked = iter([whole[:at] for at in [data.draw(st.integers(1, len(whole)))]])
    blocks = [first := next(asked), whole[len(first) :]]

    def take() -> bytes:
        assert blocks, "read on after the end"
        return blocks.pop(0)

    assert Push(take, REF).read() == whole


@given(data=st.data())
def test_a_push_cut_short_is_refused(data: st.DataObject) -> None:
    whole = real()
    with pytest.raises(Refused):
        Push(coming(whole[: data.draw(st.integers(0, len(whole) - 1))]), REF).read()


@given(noise=st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    if noise[:4] != b"0000":
        with pytest.raises(Refused):
            Push(coming(noise), REF).read()


def test_who_only_asks_whether_it_may_is_let_through() -> None:
    assert Push(coming(b"0000"), REF).read() == b"0000"


PACK = make_pack([entry(BLOB, 1, b"x")])
BAD = {
    "another ref": (command(ref="refs/heads/node/n1") + b"0000" + PACK, "ref"),
    "another's report": (command(ref="refs/heads/report/n2") + b"0000" + PACK, "ref"),
    "a ref below": (command(ref=REF + "/x") + b"0000" + PACK, "ref"),
    "two refs": (command() + command(ref=REF, caps=b"") + b"0000" + PACK, "ref"),
    "a hundred thousand refs": (
        command() + b"".join(command(ref=f"{REF}/{n}", caps=b"") for n in range(100_000)),
        "ref",
    ),
    "a shallow line": (pkt(b"shallow " + b"ab" * 20) + command() + b"0000" + PACK, "corrupt"),
    "a deletion": (command(ZERO) + b"0000", "delete"),
    "a long packet": (b"fff0" + b"x" * 70_000, "corrupt"),
    "too many objects": (command() + b"0000" + make_pack([], MOST.objects + 1), "too-large"),
    "too large an object": (
        command() + b"0000" + make_pack([entry(BLOB, MOST.file + 1, b"")]),
        "too-large",
    ),
    "too much unpacked": (
        command() + b"0000" + make_pack([entry(BLOB, MOST.file, bytes(MOST.file))] * 65),
        "too-large",
    ),
    "a delta that unpacks to too much": (
        command()
        + b"0000"
        + make_pack([entry(BLOB, 1, b"x"), entry(OFS, 5, b"\x01\xff\xff\xff\x7f", b"\x0a")]),
        "too-large",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_node_may_not_push_is_refused(name: str) -> None:
    data, rule = BAD[name]
    with pytest.raises(Refused) as refused:
        Push(coming(data, 4096), REF).read()
    assert refused.value.rule == rule


def test_what_never_ends_is_refused_at_the_bound() -> None:
    sent = 0

    def take() -> bytes:
        nonlocal sent
        sent += 65536
        return make_pack([], 50_000)[:12] + b"\xb0" * 65524 if sent == 65536 else b"\xff" * 65536

    opening = iter([command() + b"0000"])
    with pytest.raises(Refused):
        Push(lambda: next(opening, b"") or take(), REF).read()
    assert sent <= MAX_PUSH + 65536


@pytest.mark.parametrize("caps", [CAPS, b"\0 report-status"])
def test_the_words_of_a_refusal_reach_the_client(caps: bytes) -> None:
    push = Push(coming(command(ref="refs/heads/x", caps=caps) + b"0000"), REF)
    with pytest.raises(Refused):
        push.read()
    assert b"unpack no room" in push.refusal("no room")
