"""Archives by URL, and the OpenPGP signatures beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pysequoia import Profile, SignatureMode, Tsk, sign

from margo_gitops.artifacts.download import download
from margo_gitops.artifacts.signature import require_signed
from margo_gitops.errors import Invalid, Missing, Refused, Stalled, Unreachable

ARCHIVE = b"an archive" * 100
ANSWERS: dict[str, tuple[int, bytes]] = {
    "/archive": (200, ARCHIVE),
    "/locked": (401, b""),
    "/broken": (503, b""),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, data = ANSWERS.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class Keys:
    """Somebody's key, made once."""

    def __init__(self) -> None:
        self._secret = Tsk.generate("Ada <ada@example.invalid>", profile=Profile.RFC4880)
        self.public = bytes(self._secret.extract_certificate())

    def sign(self, data: bytes) -> bytes:
        return bytes(sign(self._secret.signer(), data, mode=SignatureMode.DETACHED))


ADA, EVE = Keys(), Keys()


def test_a_file_comes_whole(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/archive", len(ARCHIVE)) == ARCHIVE
    (tmp_path / "an archive").write_bytes(ARCHIVE)
    assert download((tmp_path / "an archive").as_uri(), len(ARCHIVE)) == ARCHIVE


def test_what_is_too_large_is_not_read_on(server: str, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(ARCHIVE)
    for url in (f"{server}/archive", (tmp_path / "archive").as_uri(), "file:///dev/zero"):
        with pytest.raises(Refused) as caught:
            download(url, len(ARCHIVE) - 1)
        assert caught.value.rule == "too-large"


@pytest.mark.parametrize(
    ("path", "error"),
    [("none", Missing), ("locked", Stalled), ("broken", Unreachable)],
)
def test_what_a_server_says(server: str, path: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        download(f"{server}/{path}?token=secret", 100)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://example.invalid/x", Invalid),
        ("http://ada:secret@127.0.0.1/x", Invalid),
        ("http://127.0.0.1:1/x", Unreachable),
        ("file:///nowhere/x", Missing),
    ],
)
def test_what_is_no_source(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        download(url, 100)
    assert "secret" not in str(caught.value)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "archive").write_bytes(ARCHIVE)
    (tmp_path / "key.asc").write_bytes(ADA.public)
    return tmp_path


@pytest.mark.parametrize("ending", [".asc", ".sig"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_signed_archive_passes(place: Path, ending: str, *, inside: bool) -> None:
    (place / f"archive{ending}").write_bytes(ADA.sign(ARCHIVE))
    package = {"keys/ada.asc": ADA.public} if inside else {}
    key = "./keys/ada.asc" if inside else (place / "key.asc").as_uri()
    require_signed(ARCHIVE, (place / "archive").as_uri(), key, package)


@pytest.mark.parametrize(
    ("signature", "key"),
    [
        (ADA.sign(b"other"), ADA.public),
        (EVE.sign(ARCHIVE), ADA.public),
        (ADA.sign(ARCHIVE), EVE.public),
        (ADA.sign(ARCHIVE), b"no key"),
        (b"no signature", ADA.public),
        (b"", ADA.public),
        (None, ADA.public),
    ],
    ids=["other-bytes", "by-eve", "eves-key", "no-key", "no-signature", "empty", "none"],
)
def test_any_other_is_refused(place: Path, signature: bytes | None, key: bytes) -> None:
    if signature is not None:
        (place / "archive.asc").write_bytes(signature)
    (place / "key.asc").write_bytes(key)
    with pytest.raises(Refused) as caught:
        require_signed(ARCHIVE, (place / "archive").as_uri(), (place / "key.asc").as_uri(), {})
    assert caught.value.rule == "signature"
    assert "\n" not in caught.value.problem
