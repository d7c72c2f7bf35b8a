"""Signatures: OpenSSH takes ours, we take OpenSSH's, and nobody takes anything else."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Refused, Stalled
from margo_gitops.roles.signing import KeyProgram, machine_key, person_key, signer
from margo_gitops.trust import sshsig
from margo_gitops.trust.keys import Fields, key_of, parse_key, text
from margo_gitops.trust.sshsig import Namespace
from tests.trust.keys import Token, key, line, written

MESSAGE = '{"word":"Grüße"}'.encode()


def openssh_takes(folder: Path, public: str, signature: bytes, message: bytes, space: str) -> bool:
    allowed, file = folder / "allowed", folder / "signature"
    allowed.write_text(f"somebody {public}\n")
    file.write_bytes(signature)
    words = ["-Y", "verify", "-f", str(allowed), "-I", "somebody", "-n", space, "-s", str(file)]
    return subprocess.run(["ssh-keygen", *words], input=message, check=False).returncode == 0


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real ssh-agent on a socket of its own."""
    where = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(where))
        yield
        child.terminate()


@pytest.mark.parametrize("space", Namespace)
def test_openssh_takes_what_we_sign(space: Namespace, tmp_path: Path) -> None:
    signature = key("alice").sign(MESSAGE, space)
    assert openssh_takes(tmp_path, line("alice"), signature, MESSAGE, space)
    assert not openssh_takes(tmp_path, line("alice"), signature, MESSAGE + b" ", space)
    assert not openssh_takes(tmp_path, line("bob"), signature, MESSAGE, space)
    assert not openssh_takes(tmp_path, line("alice"), signature, MESSAGE, "file")


def test_openssh_takes_what_a_token_signs(tmp_path: Path) -> None:
    token = Token("alice")
    signature = token.sign(MESSAGE, Namespace.ROOT)
    assert openssh_takes(tmp_path, str(token.key), signature, MESSAGE, Namespace.ROOT)
    assert sshsig.verify(signature, MESSAGE, Namespace.ROOT) == token.key


def test_we_take_what_openssh_signs(tmp_path: Path) -> None:
    by_program = KeyProgram(key("alice").key, written("alice", tmp_path / "key"))
    signature = by_program.sign(MESSAGE, Namespace.APPROVE)
    assert signature == key("alice").sign(MESSAGE, Namespace.APPROVE)
    assert sshsig.verify(signature, MESSAGE, Namespace.APPROVE) == key("alice").key


def test_a_key_in_an_agent_signs(tmp_path: Path, agent: None) -> None:
    path = written("alice", tmp_path / "key")
    subprocess.run(["ssh-add", "-q", str(path)], check=True)
    path.unlink()
    by_agent = signer(tmp_path / "key.pub")
    assert by_agent.sign(MESSAGE, Namespace.ROOT) == key("alice").sign(MESSAGE, Namespace.ROOT)


def test_a_key_with_a_passphrase_signs_through_an_agent(tmp_path: Path, agent: None) -> None:
    path = written("alice", tmp_path / "key")
    subprocess.run(["ssh-add", "-q", str(path)], check=True)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret words", "-f", str(path)]
    subprocess.run(change, check=True)
    found = signer(path)
    assert isinstance(found, KeyProgram)
    by_agent = signer(tmp_path / "key.pub")
    assert by_agent.sign(MESSAGE, Namespace.ROOT) == key("alice").sign(MESSAGE, Namespace.ROOT)


def test_a_key_that_nobody_holds_stalls(tmp_path: Path, agent: None) -> None:
    written("alice", tmp_path / "key").unlink()
    with pytest.raises(Stalled, match="could not sign"):
        signer(tmp_path / "key.pub").sign(MESSAGE, Namespace.ROOT)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    written("alice", tmp_path / "key").chmod(0o640)
    with pytest.raises(Stalled, match="mode is 0640, expected 0600"):
        signer(tmp_path / "key")


def test_a_machine_makes_its_key_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    made = machine_key(path)
    assert machine_key(path).key == made.key
    assert path.stat().st_mode & 0o777 == 0o600
    assert openssh_takes(
        tmp_path, str(made.key), made.sign(MESSAGE, Namespace.PLACE), MESSAGE, Namespace.PLACE
    )


def test_a_persons_key_is_the_one_named_then_gits_then_the_usual(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    usual = {"HOME": str(tmp_path)}
    with pytest.raises(Stalled, match="no key to sign with"):
        person_key(None, None, usual)
    written("usual", tmp_path / ".ssh" / "id_ed25519")
    named, gits = written("named", tmp_path / "named"), written("git", tmp_path / "git")
    assert person_key(None, None, usual).key == key("usual").key
    assert person_key(None, str(gits), usual).key == key("git").key
    assert person_key(named, str(gits), usual).key == key("named").key


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    signature = key("alice").sign(MESSAGE, Namespace.ROOT)
    with pytest.raises(Refused, match="made for 'margo-root-v1', expected margo-publish-v1"):
        sshsig.verify(signature, MESSAGE, Namespace.PUBLISH)


def test_a_token_that_nobody_touched_signs_nothing() -> None:
    signature = Token("alice", flags=0).sign(MESSAGE, Namespace.ROOT)
    with pytest.raises(Refused, match="nobody touched"):
        sshsig.verify(signature, MESSAGE, Namespace.ROOT)


SIGNED = key("alice").sign(MESSAGE, Namespace.ROOT)
HOSTILE = {
    "empty": b"",
    "before": b"\n" + SIGNED,
    "after": SIGNED + b"# junk\n",
    "twice": SIGNED * 2,
    "no newline": SIGNED[:-1],
    "windows": SIGNED.replace(b"\n", b"\r\n"),
    "other width": sshsig.armour(b"x").join([b"", SIGNED]),
    "a space": SIGNED.replace(b"\nU", b"\n U"),
    "no armour": base64.b64encode(SIGNED),
    "another format": SIGNED.replace(b"SSH", b"PGP"),
    "long": SIGNED + b"A" * sshsig.LONGEST,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_only_one_exact_armour_block_is_a_signature(name: str) -> None:
    with pytest.raises(Refused) as refused:
        sshsig.verify(HOSTILE[name], MESSAGE, Namespace.ROOT)
    assert refused.value.rule == "armour"


def _blob(**other: bytes) -> bytes:
    made = text(b"ssh-ed25519") + text(b"\0" * 64)
    fields = {
        "key": key("alice").key.blob,
        "namespace": b"margo-root-v1",
        "reserved": b"",
        "hash": b"sha512",
        "made": made,
    }
    return b"SSHSIG" + (1).to_bytes(4) + b"".join(map(text, {**fields, **other}.values()))


WRONG = {
    "hash": _blob(hash=b"sha256"),
    "reserved": _blob(reserved=b"x"),
    "zeros": _blob(),
    "rsa": _blob(key=text(b"ssh-rsa") + text(b"\1") + text(b"\1")),
    "short point": _blob(key=text(b"ssh-ed25519") + text(b"\0" * 31)),
    "long key": _blob(key=key("alice").key.blob + b"\0"),
    "other kind": _blob(made=text(b"ssh-rsa") + text(b"\0" * 64)),
    "loose bytes": _blob(made=text(b"ssh-ed25519") + text(b"\0" * 64) + b"\0"),
    "short signature": _blob(made=text(b"ssh-ed25519") + text(b"\0" * 63)),
    "magic": _blob().replace(b"SSHSIG", b"SSHSIX"),
    "version": _blob().replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2"),
    "tail": _blob() + b"\0",
    "cut": _blob()[:-70],
    "boasting": b"SSHSIG" + (1).to_bytes(4) + b"\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_inside_is_checked_too(name: str) -> None:
    with pytest.raises(Refused):
        sshsig.verify(sshsig.armour(WRONG[name]), MESSAGE, Namespace.ROOT)


@given(st.binary(max_size=400))
def test_no_bytes_at_all_do_more_than_be_refused(data: bytes) -> None:
    for armoured in (data, sshsig.armour(data), sshsig.armour(b"SSHSIG\0\0\0\1" + data)):
        with pytest.raises(Refused):
            sshsig.verify(armoured, MESSAGE, Namespace.ROOT)


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
def test_one_flipped_bit_is_refused(at: int, bit: int) -> None:
    flipped = bytearray(SIGNED)
    flipped[at] ^= 1 << bit
    with pytest.raises(Refused):
        sshsig.verify(bytes(flipped), MESSAGE, Namespace.ROOT)


def test_keys_are_shown_as_openssh_shows_them(tmp_path: Path) -> None:
    written("alice", tmp_path / "key")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert key("alice").key.fingerprint in shown.stdout
    assert len(key("alice").key.id) == 64


@pytest.mark.parametrize(
    "text_",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-rsa " + line("alice").split()[1],
        "ssh-ed25519 " + "A" * 1000,
        line("alice").replace("AAAA", "AAAB", 1),
    ],
)
def test_what_is_no_key_is_refused(text_: str) -> None:
    with pytest.raises(Refused):
        parse_key(text_)


def test_a_token_key_reads_back() -> None:
    token = Token("alice").key
    assert parse_key(f"{token} a comment") == token
    assert key_of(token.blob) == token
    with pytest.raises(Refused):
        key_of(token.blob + b"\0")
    with pytest.raises(Refused, match="ends too early"):
        Fields(b"\0\0\0\5ab", "key").text()
