"""Asking a served site as somebody who keeps to no rules."""

from __future__ import annotations

import hashlib
import http.client
import io
import socket
import ssl
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.pack import write_pack
from margo_gitops.store.walk import Known, reachable
from tests.serving.world import Served, home
from tests.store.hostile import entry, pkt
from tests.waiting import until

ZERO = "0" * 40
NODE, REPORT = layout.node_ref("n1"), layout.report_ref("n1")
FOREIGN = layout.node_ref("n2")
UPLOAD, RECEIVE = "git-upload-pack", "git-receive-pack"
ADVERT = f"/n1.git/info/refs?service={UPLOAD}"
REF_DELTA = 7
Answer = tuple[int, Mapping[str, str], bytes]


def ask(
    site: Served,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    *,
    source: str = "127.0.0.1",
    timeout: float = 20,
) -> Answer:
    """One request from one of this host's loopback addresses, its path as it stands."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", site.port, timeout=timeout, source_address=(source, 0)
    )
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
            for block in [body] if isinstance(body, bytes) else body or ():
                connection.send(block)
        response = connection.getresponse()
        return response.status, dict(response.headers.items()), response.read()
    finally:
        connection.close()


def post(site: Served, node: str, service: str, body: bytes, **headers: str) -> Answer:
    """A git request of a node, with its token; again where it came too soon."""
    kind = {"Content-Type": f"application/x-{service}-request", **site.bearer(node)}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/{node}.git/{service}"
    return until(
        lambda: found if (found := ask(site, "POST", path, kind | more, body))[0] != 429 else ()
    )  # type: ignore[return-value]  # the empty one is asked for again


def want_v2(id: str) -> bytes:
    """A fetch of protocol version 2 that asks for one object."""
    return (
        pkt(b"command=fetch")
        + pkt(b"object-format=sha1")
        + b"0001"
        + pkt(f"want {id}\n".encode())
        + pkt(b"done\n")
        + b"0000"
    )


def want_v0(id: str) -> bytes:
    return pkt(f"want {id} side-band-64k\n".encode()) + b"0000" + pkt(b"done\n")


def push_of(pack: bytes, new: str, ref: str, old: str = ZERO) -> bytes:
    """A request to receive-pack."""
    return pkt(f"{old} {new} {ref}\0 report-status".encode()) + b"0000" + pack


def pack_of(store: GitStore, tip: str, without: Iterable[str] = ()) -> bytes:
    """All that a commit reaches up to some others, as a pack."""
    file = io.BytesIO()
    known = Known(store.objects, [oid(id) for id in without])
    write_pack(file, reachable(store.objects, [oid(tip)], known))
    return file.getvalue()


def delta_pack(base: str, size: int, copied: int, more: list[bytes]) -> bytes:
    """A pack with the first bytes of a foreign blob as an object of its own, by a delta."""
    delta = _size(size) + _size(copied) + bytes([0x80 | 0x10 | 0x20, copied & 255, copied >> 8])
    entries = [entry(REF_DELTA, len(delta), delta, bytes.fromhex(base)), *more]
    body = b"PACK" + (2).to_bytes(4, "big") + len(entries).to_bytes(4, "big") + b"".join(entries)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def object_id(kind: str, content: bytes) -> str:
    """The id that git gives to an object."""
    raw = b"%s %d\0" % (kind.encode(), len(content)) + content
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def git(site: Served, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Stock git, whatever it answers."""
    env = {**home(), "GIT_SSL_CAINFO": str(site.authority)}
    who = ["-c", "user.name=M", "-c", "user.email=m@example.org"]
    return subprocess.run(
        ["git", *who, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@contextmanager
def dialled(
    site: Served, *, source: str = "127.0.0.1", tls: bool = False
) -> Iterator[socket.socket]:
    """A connection on which nothing is said yet."""
    with socket.create_connection(
        ("127.0.0.1", site.port), timeout=20, source_address=(source, 0)
    ) as sock:
        if tls:
            context = ssl.create_default_context(cafile=str(site.authority))
            with context.wrap_socket(sock, server_hostname="localhost") as wrapped:
                yield wrapped
        else:
            yield sock


def refs(site: Served, node: str = "n1") -> dict[str, str]:
    """All refs of a node's repository."""
    with GitStore.open(site.repository(node)) as store:
        return store.refs()


def memory(site: Served) -> int:
    """Bytes that the LO holds in memory now."""
    pid = int((site.state / "lock").read_text())
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024
