"""A node's ssh key: three commands, one repository, bounded; everything else is refused."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from margo_gitops.store.git import GitStore
from tests.faults.plant import ENVIRONMENT
from tests.serving.asking import FOREIGN, NODE, REPORT, pack_of, push_of, refs, want_v2
from tests.serving.world import Served, children, home, margo
from tests.sshd import SshServer
from tests.store.hostile import entry, make_pack, pkt
from tests.store.making import commit
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("undisturbed")

UPLOAD, RECEIVE = "git-upload-pack 'x'", "git-receive-pack 'x'"
_SHORT = """
import sys
from pathlib import Path
from margo_gitops.roles.serving import shell
shell.SILENCE, shell.TOTAL = 2, int(sys.argv[1])
state = Path(sys.argv[2])
sys.exit(shell.run_shell(state, state / "mirror.git", "n1", sys.argv[3]))
"""


@contextmanager
def shelled(
    site: Served, command: str, argv: list[str] | None = None, version: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """The forced command, as sshd starts it."""
    words = argv or margo("lo", "shell", "--node", "n1", "--state", str(site.state))
    env = ENVIRONMENT | {"SSH_ORIGINAL_COMMAND": command, "GIT_PROTOCOL": version}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            yield child
        finally:
            child.kill()


def said(site: Served, command: str, input: bytes, version: str = "") -> tuple[int, bytes, bytes]:
    with shelled(site, command, version=version) as child:
        out, err = child.communicate(input, timeout=60)
        return child.returncode, out, err


@pytest.mark.parametrize(
    "command",
    ["", "sh", "git-upload-archive 'x'", "git-shell -c x", "scp -t /", "touch {tmp}/ran",
     "git-upload-pack 'x'; touch {tmp}/ran", "git-upload-pack `touch {tmp}/ran`",
     "git-upload-pack $(touch {tmp}/ran)", "git-upload-pack --upload-pack=touch x",
     "git upload-pack -c 'x' y", "margo-content ../../tokens/n2", "margo-content sha256:ab",
     "git-receive-pack 'x' 'y' z", "git-upload-pack", "GIT-UPLOAD-PACK 'x'"],
)  # fmt: skip
def test_no_other_command_runs(site: Served, tmp_path: Path, command: str) -> None:
    code, out, err = said(site, command.format(tmp=tmp_path), b"")
    assert (code, out) == (3, b"")
    assert b"this key is for the agent of n1" in err
    assert not list(tmp_path.iterdir())


def test_the_path_is_not_looked_at(site: Served, shell: SshServer, tmp_path: Path) -> None:
    for path in (str(site.mirror), "../../n2.git", str(site.repository("n2")), "it's!"):
        url = f"ssh://127.0.0.1:{shell.port}/{path}"
        words = ["git", "-c", "protocol.version=2", "ls-remote", url]
        shown = subprocess.run(words, env=home(), capture_output=True, text=True, check=True)
        assert shown.stdout.split() == [site.tip("n1", NODE), NODE]
    assert site.repository("n1").exists()


def test_a_key_is_one_nodes(site: Served, shell_host: SshServer) -> None:
    env = home() | {"GIT_SSH_COMMAND": shell_host.client(key="n2")}
    words = ["git", "ls-remote", f"ssh://127.0.0.1:{shell_host.port}/n1.git"]
    shown = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[1] == FOREIGN


def test_sshd_says_the_words_of_a_refusal(shell: SshServer) -> None:
    words = [*shlex.split(shell.client(key="n1")), "-p", str(shell.port), "127.0.0.1", "id"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "'id' is not done here" in done.stderr


@pytest.mark.parametrize("version", ["version=2", ""])
def test_another_nodes_object_is_not_given_by_its_id(site: Served, version: str) -> None:
    tip = site.tip("n2", FOREIGN)
    question = want_v2(tip) if version else pkt(f"want {tip}\n".encode()) + b"0000" + pkt(b"done\n")
    code, out, _ = said(site, UPLOAD, question, version)
    assert code != 0
    assert b"PACK" not in out
    mine = want_v2(site.tip("n1", NODE))
    assert not version or b"PACK" in said(site, UPLOAD, mine, version)[1]


def real_push(ref: str = REPORT) -> tuple[str, bytes]:
    with GitStore.memory() as store:
        tip = commit(store)
        return tip, push_of(pack_of(store, tip), tip, ref)


def test_a_report_is_pushed_and_its_end_needs_no_end_of_input(site: Served) -> None:
    tip, push = real_push()
    with shelled(site, RECEIVE) as child:
        assert child.stdin is not None
        child.stdin.write(push)
        child.stdin.flush()
        assert child.wait(30) == 0
    assert refs(site)[REPORT] == tip


REFUSED = {
    "the share": (real_push(NODE)[1], b"may push refs/heads/report/n1"),
    "another's report": (real_push("refs/heads/report/n2")[1], b"may push"),
    "a deletion": (pkt(f"{'ab' * 20} {'0' * 40} {REPORT}\0report-status".encode()), b""),
    "many refs": (
        b"".join(pkt(f"{'0' * 40} {'ab' * 20} {REPORT}\0".encode()) for _ in range(100_000)),
        b"nothing beside",
    ),
    "a bomb": (push_of(make_pack([entry(3, 1 << 30, b"")]), "ab" * 20, REPORT), b"1073741824"),
    "noise": (b"\xff" * 100_000, b""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_push_that_is_not_a_report_is_refused(site: Served, name: str) -> None:
    push, words = REFUSED[name]
    code, out, _ = said(site, RECEIVE, push + (b"0000" if name == "a deletion" else b""))
    assert code == 3
    assert words in out
    assert set(refs(site)) == {NODE}


def test_a_report_is_not_set_back(site: Served) -> None:
    _, push = real_push()
    assert b"ok refs" in said(site, RECEIVE, push)[1]
    tip = refs(site)[REPORT]
    with GitStore.memory() as store:
        other = commit(store, {"other": b""})
        push = push_of(pack_of(store, other), other, REPORT, tip)
    assert b"ng refs" in said(site, RECEIVE, push)[1]
    assert refs(site)[REPORT] == tip


@pytest.mark.parametrize("command", [UPLOAD, RECEIVE])
def test_a_node_holds_no_more_than_its_places(site: Served, command: str) -> None:
    with shelled(site, command) as one, shelled(site, command) as two:
        for child in (one, two):
            assert child.stdout is not None
            assert child.stdout.read(4)
        code, _, err = said(site, UPLOAD, b"0000")
        assert code == 4
        assert b"too much at once" in err
        for child in (one, two):
            assert child.stdin is not None
            child.stdin.close()
            child.wait(20)
    assert said(site, UPLOAD, b"0000")[0] == 0


@pytest.mark.parametrize("total", ["300", "1"])
def test_who_says_nothing_is_ended(site: Served, total: str) -> None:
    argv = [sys.executable, "-c", _SHORT, total, str(site.state), RECEIVE]
    with shelled(site, "", argv) as child:
        assert child.wait(20) != 0
        assert child.stderr is not None
        assert (b"was said for 2 s" if total == "300" else b"not done after") in child.stderr.read()


def test_what_is_asked_without_an_end_is_ended(site: Served) -> None:
    line = pkt(b"have " + b"ab" * 20 + b"\n")
    code, _, _ = said(
        site, UPLOAD, want_v2(site.tip("n1", NODE))[:-4] + line * 200_000, "version=2"
    )
    assert code in {3, 4}


def test_git_is_ended_when_its_client_goes(site: Served) -> None:
    with shelled(site, RECEIVE) as child:
        below = until(lambda: children(child.pid))
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.close()
        child.stdin.close()
        child.wait(20)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))


def test_a_node_that_the_site_does_not_know_waits(site: Served) -> None:
    argv = margo("lo", "shell", "--node", "n9", "--state", str(site.state))
    with shelled(site, UPLOAD, argv) as child:
        assert child.wait(20) == 4
    assert not site.repository("n9").exists()
