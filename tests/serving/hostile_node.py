"""A node that was taken over: it has its token, and tries everything, again and again.

Run as a program on its host; it notes each attack's rounds, and each success, in a file.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from tests.serving.asking import ZERO, want_v0, want_v2
from tests.store.hostile import entry, make_pack, pkt

_NO_PLACE = 429


class Node:
    """What it knows: the site's address, its own token, others' names and ids."""

    def __init__(self, told: dict[str, str], noted: Path) -> None:
        self.host, self.port = told["host"], int(told["port"])
        self.told = told
        self.tls = ssl.create_default_context(cafile=told["authority"])
        self.rounds: Counter[str] = Counter()
        self.won: list[str] = []
        self.noted = noted
        self.lock = threading.Lock()

    def note(self, attack: str, won: str = "") -> None:
        with self.lock:
            self.rounds[attack] += 1
            self.won += [f"{attack}: {won}"] if won else []
            text = json.dumps({"rounds": self.rounds, "won": self.won})
            beside = self.noted.with_suffix(".new")
            beside.write_text(text)
            beside.replace(self.noted)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        token: str | None = None,
        **more: str,
    ) -> tuple[int, bytes]:
        """The site's answer; where it has no place left for us, again until it has."""
        service = path.rpartition("/")[2]
        headers = {"Authorization": f"Bearer {token or self.told['token']}",
                   "Content-Type": f"application/x-{service}-request"}  # fmt: skip
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        while True:
            connection = http.client.HTTPSConnection(
                self.host, self.port, context=self.tls, timeout=20
            )
            with closing(connection):
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                if response.status != _NO_PLACE:
                    return response.status, response.read()

    def others_doors(self) -> str:
        asked = "info/refs?service=git-upload-pack"
        for path in (f"/n1.git/{asked}", f"/bad.git/../n1.git/{asked}", "/mirror.git/HEAD"):
            for token in (None, "n1.guess", "n1" + self.told["token"][3:]):
                if self.ask("GET", path, token=token)[0] == 200:
                    return path
        return ""

    def foreign_objects(self) -> str:
        for id in self.told["ids"].split():
            for version, body in (("version=2", want_v2(id)), ("version=0", want_v0(id))):
                _, said = self.ask("POST", "/bad.git/git-upload-pack", body, Git_Protocol=version)
                if b"PACK" in said:
                    return id
        return ""

    def other_refs(self) -> str:
        tip = self.told["mine"]
        for ref in ("node/bad", "node/n1", "report/n1", "main", "report/bad/x"):
            line = pkt(f"{ZERO} {tip} refs/heads/{ref}\0 report-status".encode())
            _, said = self.ask("POST", "/bad.git/git-receive-pack", line + b"0000" + make_pack([]))
            if b"unpack ok" in said and b"ng " not in said:
                return ref
        return ""

    def bombs(self) -> str:
        zip = zlib.compressobj(9, wbits=31)
        body = zip.compress(bytes(1 << 26)) + zip.flush()
        status, _ = self.ask("POST", "/bad.git/git-upload-pack", body, Content_Encoding="gzip")
        line = pkt(f"{ZERO} {'ab' * 20} refs/heads/report/bad\0 report-status".encode()) + b"0000"
        bomb = make_pack([entry(3, 1 << 30, bytes(1 << 20))])
        _, said = self.ask("POST", "/bad.git/git-receive-pack", line + bomb)
        return "taken" if status == 200 or b"unpack ok" in said else ""

    def large_pushes(self) -> str:
        line = pkt(f"{ZERO} {'ab' * 20} refs/heads/report/bad\0 report-status".encode()) + b"0000"
        pack = make_pack([entry(3, 1 << 20, os.urandom(1 << 20)) for _ in range(7)])
        self.ask("POST", "/bad.git/git-receive-pack", line + pack)
        return ""

    def slow_bodies(self) -> str:
        socks = []
        for _ in range(4):
            sock = self.tls.wrap_socket(
                socket.create_connection((self.host, self.port), 5), server_hostname=self.host
            )
            sock.sendall(
                b"POST /bad.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                b"Content-Type: application/x-git-upload-pack-request\r\n"
                b"Authorization: Bearer " + self.told["token"].encode() + b"\r\n\r\n0"
            )
            socks.append(sock)
        for sock in socks:
            sock.settimeout(3)
            with suppress(OSError):
                sock.recv(100)
            sock.close()
        return ""

    def idle_connections(self) -> str:
        with suppress(OSError):
            socks = [socket.create_connection((self.host, self.port), 5) for _ in range(100)]
            for sock in socks:
                sock.close()
        return ""

    def the_fleets_remote(self) -> str:
        with suppress(OSError), socket.create_connection((self.told["hq"], 9418), 2):
            return "reached"
        return ""


def _again(node: Node, attack: Callable[[], str]) -> None:
    """Only what was carried out whole counts: a connection may find no place."""
    while True:
        with suppress(OSError, http.client.HTTPException):
            node.note(attack.__name__, attack())


def main() -> None:
    """All attacks at once, for ever."""
    node = Node(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
    for attack in (node.others_doors, node.foreign_objects, node.other_refs, node.bombs,
                   node.large_pushes, node.slow_bodies, node.idle_connections,
                   node.the_fleets_remote):  # fmt: skip
        threading.Thread(target=_again, args=[node, attack]).start()


if __name__ == "__main__":
    main()
