"""OpenSSH's server for tests: on loopback, with a host key and users' keys of its own."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import answers, end, free_port, start
from tests.waiting import until

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host
AuthorizedKeysFile {root}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
MaxStartups 100
"""


@dataclass(frozen=True)
class SshServer:
    """A running server, and a client's side of it: a key that it takes, and its host key."""

    root: Path
    port: int

    @property
    def known(self) -> Path:
        """A client's list of known hosts, with this server in it."""
        return self.root / "known_hosts"

    def repository(self, name: str) -> Path:
        """A new bare repository."""
        path = self.root / "repos" / name
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
        return path

    def url(self, name: str, *, port: int | None = None) -> str:
        """Where a repository is; `port` is that of something in between."""
        path = self.root / "repos" / name
        return f"ssh://{getpass.getuser()}@127.0.0.1:{port or self.port}{path}"

    def client(self, *, key: str = "mine", known: Path | None = None) -> str:
        """The command of a client that uses this key and list and nothing else of this host's."""
        return shlex.join([
            "ssh", "-F", "none", "-i", str(self.root / key), "-o", "IdentitiesOnly=yes",
            "-o", "IdentityAgent=none", "-o", f"UserKnownHostsFile={known or self.known}",
            "-o", "GlobalKnownHostsFile=none", "-o", "HostKeyAlias=server",
        ])  # fmt: skip


def problem() -> str | None:
    """Why no ssh server can be started here."""
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None if _program() is not None else "sshd is not installed"


def _program() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


@contextmanager
def ssh_server(root: Path) -> Iterator[SshServer]:
    """A server that ends with the block."""
    program, port = _program(), free_port()
    assert program is not None
    (root / "repos").mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd locks its helper in
    for key in ("host", "mine", "other"):
        make_key(root / key)
    public = (root / "host.pub").read_text()
    (root / "known_hosts").write_text(f"server {public}")
    (root / "authorized").write_bytes((root / "mine.pub").read_bytes())
    (root / "sshd_config").write_text(_CONFIG.format(root=root, port=port))
    with (root / "log").open("wb") as log:
        started = start([program, "-D", "-e", "-f", str(root / "sshd_config")], log)
        try:
            until(lambda: answers(port))
            yield SshServer(root, port)
        finally:
            end(started)


def make_key(path: Path) -> None:
    """A new key without a passphrase."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(argv, check=True)
