"""Secrets of a node: what is read, and what is refused with a word."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from margo_gitops.errors import Missing
from margo_gitops.runtime.secrets import LARGEST, read_secret


def written(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "db"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"a", "a"), (b"a\n", "a"), (b"a\n\n", "a\n"), (b"", ""), (b" \xc3\xa4 ", " ä ")],
)
def test_a_secret_is_its_files_text(tmp_path: Path, data: bytes, value: str) -> None:
    written(tmp_path, data, 0o400)
    assert read_secret(tmp_path, "db") == value


def link(path: Path) -> None:
    path.rename(path.with_name("else"))
    path.symlink_to("else")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (Path.unlink, "No such file"),
        (link, "symlink"),
        (folder, "no regular file"),
        (fifo, "no regular file"),
        (lambda path: path.chmod(0o640), "mode is 0640"),
        (lambda path: path.chmod(0o604), "mode is 0604"),
        (lambda path: path.write_bytes(b"hunter2" * LARGEST), "more than"),
        (lambda path: path.write_bytes(b"hunter2\xff"), "UTF-8"),
        (lambda path: path.write_bytes(b"hunter2\0"), "NUL"),
    ],
)
def test_an_unsafe_file_is_named_and_never_shown(
    tmp_path: Path, harm: Callable[[Path], object], told: str
) -> None:
    harm(written(tmp_path, b"hunter2"))
    with pytest.raises(Missing) as caught:
        read_secret(tmp_path, "db")
    assert told in str(caught.value)
    assert "secret db" in str(caught.value)
    assert "hunter2" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__context__ is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_strangers_file_is_refused(tmp_path: Path) -> None:
    os.chown(written(tmp_path, b"hunter2"), 12345, -1)
    with pytest.raises(Missing, match="belongs to user 12345"):
        read_secret(tmp_path, "db")
