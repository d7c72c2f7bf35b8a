"""`git://` and ssh: hostile servers, and what is said of each fault."""

from __future__ import annotations

import random
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.errors import LostRace, MargoError, Refused, Stalled, Unreachable, Usage
from margo_gitops.store.address import parse_address
from margo_gitops.store.daemon import DaemonTransport
from margo_gitops.store.git import GitStore
from margo_gitops.store.objects import oid
from margo_gitops.store.ssh import SshTransport
from margo_gitops.store.transport import Update, open_transport
from tests.gitdaemon import GitDaemon
from tests.running import free_port
from tests.sshd import SshServer, make_key
from tests.store import hostile
from tests.store.hostile import pkt
from tests.store.making import chain, commit, git

MAIN = "refs/heads/main"
ID = b"ab" * 20
V2 = pkt(b"version 2\n") + pkt(b"ls-refs\n") + pkt(b"fetch\n") + b"0000"
TIPS = pkt(ID + b" refs/heads/main\n") + b"0000"


def _daemon(url: str, *, timeout: float = 5.0, total: float = 20.0) -> DaemonTransport:
    address = parse_address(url.replace("http:", "git:"))
    assert address is not None
    return DaemonTransport(address, timeout=timeout, total=total)


def _attempts(far: DaemonTransport | SshTransport, store: GitStore) -> list[MargoError]:
    """What a poll, a fetch and a push end in."""
    ends: list[MargoError] = []
    for attempt in (
        lambda: far.refs([MAIN]),
        lambda: far.fetch(store, {MAIN: ID.decode()}),
        lambda: far.push(store, [Update(MAIN, None, commit(store))]),
    ):
        with pytest.raises(MargoError) as error:
            attempt()
        ends.append(error.value)
    return ends


@pytest.mark.parametrize(
    "talk",
    [
        hostile.silent,
        hostile.trickle(b""),
        hostile.trickle(b"fff0"),
        hostile.trickle(V2 + b"fff0"),
        hostile.trickle(b"", pkt(ID + b" refs/heads/x\n")),
        hostile.trickle(V2, pkt(ID + b" refs/heads/x\n")),
    ],
    ids=["silent", "length", "line", "refs line", "endless lines", "endless refs"],
)
def test_a_server_that_never_finishes_is_left_in_time(talk: hostile.Talk) -> None:
    with hostile.server(talk) as url, GitStore.memory() as store:
        start = time.monotonic()
        ends = _attempts(_daemon(url, timeout=0.5, total=1.0), store)
        assert time.monotonic() - start < 12
    assert {type(end) for end in ends} == {Unreachable}


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"zzzz",
        b"0003",
        b"0000",
        pkt(b"version 9\n") + b"0000",
        pkt(b"nonsense") + b"0000",
        pkt(b"\0\0\0"),
        pkt(b"ERR go away\x1b[2J"),
        b"ffff" + b"x" * 100,
        V2,
        V2 + pkt(b"ERR no\x1b[2J"),
        V2 + pkt(b"nonsense") + b"0000",
        V2 + TIPS + pkt(b"packfile\n") + pkt(b"\x03no\x1b[2J"),
        V2 + TIPS + pkt(b"packfile\n") + pkt(b"\x01PACK"),
        V2 + TIPS + b"0002",
    ],
)
def test_nonsense_is_said_and_kept_out(response: bytes) -> None:
    with hostile.server(hostile.saying(response)) as url, GitStore.memory() as store:
        far = _daemon(url)
        with pytest.raises((Unreachable, Refused)) as fetched:
            far.fetch(store, {MAIN: ID.decode()})
        with pytest.raises((Unreachable, Refused, LostRace)) as pushed:
            far.push(store, [Update(MAIN, None, commit(store))])
        assert "\x1b" not in str(fetched.value) + str(pushed.value)
        assert oid(ID.decode()) not in store.objects


@settings(max_examples=25)
@given(noise=st.binary(max_size=60), start=st.sampled_from([b"", V2, V2 + TIPS]))
def test_no_bytes_crash_the_reader(noise: bytes, start: bytes) -> None:
    with hostile.server(hostile.saying(start + noise)) as url, GitStore.memory() as store:
        far = _daemon(url, timeout=2)
        with pytest.raises((Unreachable, Refused)):
            far.fetch(store, {MAIN: ID.decode()})
        assert oid(ID.decode()) not in store.objects


def test_a_pack_that_is_cut_leaves_nothing(disk: GitStore) -> None:
    with GitStore.memory() as other:
        tip = chain(other, 3)[-1]
        whole = hostile.make_pack([hostile.entry(3, 7, b"content")] * 3)
    for size in (0, 3, 11, 12, 25, len(whole) - 1):
        parts = pkt(b"packfile\n") + (pkt(b"\x01" + whole[:size]) if size else b"") + b"0000"
        refs = pkt(tip.encode() + b" refs/heads/main\n") + b"0000"
        with (
            hostile.server(hostile.saying(V2 + refs + parts)) as url,
            pytest.raises((Refused, Unreachable)),
        ):
            _daemon(url).fetch(disk, {MAIN: tip})
        assert not list(disk.objects)
        assert disk.path is not None
        assert not list((disk.path / "objects" / "pack").iterdir())


def test_an_endless_list_of_refs_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("margo_gitops.store.server.MAX_ADVERT", 100_000)
    line = pkt(ID + b" refs/heads/" + b"x" * 1000 + b"\n")
    with hostile.server(hostile.saying(V2 + line * 200)) as url, pytest.raises(Refused) as refused:
        _daemon(url).refs([MAIN])
    assert refused.value.rule == "too-large"


def test_a_fetch_brings_no_more_than_is_taken(daemon: GitDaemon) -> None:
    name, path = _repository(daemon)
    with GitStore.open(path) as store:
        id = commit(store, {"noise": random.Random(1).randbytes(200_000)})
        store.move(MAIN, id, old=None)
    address = parse_address(daemon.url(name))
    assert address is not None
    with GitStore.memory() as other, pytest.raises(Refused) as refused:
        DaemonTransport(address, limit=20_000).fetch(other, {MAIN: id})
    assert refused.value.rule == "too-large"


def test_a_path_that_is_not_served_needs_a_person(daemon: GitDaemon) -> None:
    hidden = f"{uuid.uuid4().hex}.git"
    daemon.repository(hidden, exported=False)
    for name in (hidden, "none.git", "../../etc"):
        with pytest.raises(Stalled, match="said: ") as stalled:
            open_transport(daemon.url(name)).refs([MAIN])
        assert "git daemon" in stalled.value.help


def test_a_daemon_that_takes_no_pushes_needs_a_person(daemon: GitDaemon) -> None:
    name, path = _repository(daemon)
    git(path, "config", "daemon.receivepack", "false")
    with GitStore.memory() as store, pytest.raises(Stalled, match="not enabled") as stalled:
        open_transport(daemon.url(name)).push(store, [Update(MAIN, None, commit(store))])
    assert "receive-pack" in stalled.value.help


def test_a_server_that_declines_keeps_its_state(daemon: GitDaemon) -> None:
    name, path = _repository(daemon)
    far = open_transport(daemon.url(name))
    with GitStore.memory() as store:
        id = commit(store)
        hook = path / "hooks" / "update"
        hook.write_text("#!/bin/sh\necho only on Sundays >&2\nexit 1\n")
        hook.chmod(0o755)
        with pytest.raises(Refused, match="hook declined"):
            far.push(store, [Update(MAIN, None, id)])
        hook.unlink()
        (path / "refs" / "heads" / "main.lock").touch()
        with pytest.raises(LostRace):
            far.push(store, [Update(MAIN, None, id)])
    assert far.refs(["refs/"]) == {}


def test_a_server_of_protocol_version_0_is_spoken_to(daemon: GitDaemon) -> None:
    name, path = _repository(daemon)
    git(path, "config", "protocol.version", "0")
    far = open_transport(daemon.url(name))
    with GitStore.memory() as store:
        ids = chain(store, 5)
        far.push(store, [Update(MAIN, None, ids[2])])
        with GitStore.memory() as other:
            far.fetch(other, far.refs([MAIN]))
            other.move(MAIN, ids[2], old=None)
            far.push(store, [Update(MAIN, ids[2], ids[4])])
            far.fetch(other, far.refs([MAIN]))
            other.check(ids[4])


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, ssh_host: SshServer) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh_host.client())
    for url in (f"git://127.0.0.1:{free_port()}/x", f"ssh://127.0.0.1:{free_port()}/x"):
        with pytest.raises(Unreachable, match="refused"):
            open_transport(url).refs([MAIN])


def test_an_unknown_host_key_needs_a_person(
    ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGO_SSH", ssh.client(known=tmp_path / "none"))
    with pytest.raises(Stalled, match="host key .* is not known here") as stalled:
        open_transport(ssh.url("x.git")).refs([MAIN])
    assert f"ssh-keyscan -p {ssh.port} 127.0.0.1" in stalled.value.help
    assert not (tmp_path / "none").exists()


def test_another_host_key_needs_a_person(
    ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(tmp_path / "key")
    known = tmp_path / "known"
    known.write_text("server " + (tmp_path / "key.pub").read_text())
    monkeypatch.setenv("MARGO_SSH", ssh.client(known=known))
    with pytest.raises(Stalled, match="not the one that is known here") as stalled:
        open_transport(ssh.url("x.git")).refs([MAIN])
    assert "ssh-keygen -R" in stalled.value.help


def test_a_key_that_is_not_let_in_needs_a_person(
    ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGO_SSH", ssh.client(key="other"))
    with pytest.raises(Stalled, match="does not let our ssh key in"):
        open_transport(ssh.url("x.git")).refs([MAIN])


def test_a_path_without_a_repository_needs_a_person(ssh: SshServer) -> None:
    far = open_transport(ssh.url("none.git"))
    with pytest.raises(Stalled, match="does not appear to be a git repository"):
        far.refs([MAIN])
    with GitStore.memory() as store, pytest.raises(Stalled, match="does not give this repository"):
        far.push(store, [Update(MAIN, None, commit(store))])


def test_a_path_is_no_command(ssh: SshServer, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for path in (f"/x'; touch {trap}; '", f"/$(touch {trap})", f"/x;touch {trap}", "/`false`"):
        with pytest.raises(Stalled):
            open_transport(f"ssh://127.0.0.1:{ssh.port}{path}").refs([MAIN])
    assert not trap.exists()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("exec sleep 600", Unreachable),
        ("trap '' HUP TERM PIPE; while :; do printf f; sleep 0.05; done", Unreachable),
        ("while :; do echo words words words >&2; done", Unreachable),
        ("(sleep 600) & exit 255", Unreachable),
        ("echo welcome to this machine", Unreachable),
        ("exit 255", Unreachable),
        ("echo Permission denied >&2; exit 255", Stalled),
        ("echo sh: git-upload-pack: not found >&2; exit 127", Stalled),
        ("printf '\\033[2J' >&2; exit 1", Stalled),
    ],
)
def test_a_program_that_is_no_ssh_is_left_in_time(
    script: str, kind: type[MargoError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "an ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("MARGO_SSH", f"'{program}' -v")
    address = parse_address("git@host:x")
    assert address is not None
    start = time.monotonic()
    with pytest.raises(kind) as error:
        SshTransport(address, timeout=0.5, total=1.0).refs([MAIN])
    assert time.monotonic() - start < 15
    assert "\x1b" not in str(error.value)


def test_ssh_is_called_without_a_shell_and_never_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$GIT_PROTOCOL" "$@" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{program} -i 'a key;$HOME'")
    with pytest.raises(Unreachable):
        open_transport("ssh://git@[::1]:2222/a%20b.git").refs([MAIN])
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:3] == ["version=2", "-i", "a key;$HOME"]
    assert said[-6:] == ["-p", "2222", "-l", "git", "::1", "git-upload-pack '/a b.git'"]
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"):
        assert said[said.index(option) - 1] == "-o"


@pytest.mark.parametrize("command", ["ssh -o StrictHostKeyChecking=no", "ssh 'unclosed"])
def test_a_command_that_checks_no_host_key_is_not_run(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", command)
    with pytest.raises(Usage):
        open_transport("git@host:x")


def test_an_ssh_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARGO_SSH", "no-such-ssh")
    with pytest.raises(Stalled, match="no-such-ssh"):
        open_transport("git@host:x").refs([MAIN])


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=x/y", "ssh://-l@host/y", "-oProxyCommand=x:y", "ssh://user@-h/y",
        "-l@host:y", "host:-x", "ssh://u:secret@host/x", "git://u:secret@host/x", "git://u@host/x",
        "u:secret@host:x", "git://host", "git:///x", "ssh://host/", "git://host/a%00b",
        "git://host/a%0ab", "ssh://host:99999/x", "ssh://ho st/x", "git://h$(x)/y", "ssh://[::1/x",
    ],
)  # fmt: skip
def test_an_address_that_could_be_something_else_is_not_used(url: str) -> None:
    with pytest.raises(Usage, match="expected") as usage:
        open_transport(url)
    assert "secret" not in str(usage.value)


@pytest.mark.parametrize(
    ("url", "name", "host", "port", "path"),
    [
        ("git://host/a/b.git", "git://host/a/b.git", "host", None, "/a/b.git"),
        ("git://[::1]:99/a%20b", "git://[::1]:99/a b", "::1", 99, "/a b"),
        ("ssh://git@host:22/a", "ssh://host:22/a", "host", 22, "/a"),
        ("ssh://host/~me/a", "ssh://host/~me/a", "host", None, "~me/a"),
        ("git@host:a/b.git", "ssh://host/a/b.git", "host", None, "a/b.git"),
        ("[fe80::1%eth0]:/a", "ssh://[fe80::1%eth0]/a", "fe80::1%eth0", None, "/a"),
    ],
)
def test_an_address_is_read_as_git_reads_it(
    url: str, name: str, host: str, port: int | None, path: str
) -> None:
    address = parse_address(url)
    assert address is not None
    assert (address.name, address.host, address.port, address.path) == (name, host, port, path)


@pytest.mark.parametrize("path", ["/a/b:c", "./a:b", "a/b:c", "a.bundle", "..", "file:///a"])
def test_a_path_is_no_address(path: str) -> None:
    assert parse_address(path) is None


def _repository(daemon: GitDaemon) -> tuple[str, Path]:
    name = f"{uuid.uuid4().hex}.git"
    return name, daemon.repository(name)
