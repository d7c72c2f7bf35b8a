"""Programs that hang, print too much, or leave children behind."""

from __future__ import annotations

import time

import pytest

from margo_gitops import process
from margo_gitops.errors import Stalled, Unreachable


def _sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_what_a_program_prints_and_reads_comes_back() -> None:
    done = process.run(
        _sh('cat; echo "$WORD" >&2; exit 3'), timeout=10, input="in\n", env={"WORD": "w"}
    )
    assert done == process.Finished(3, "in\n", "w\n")


def test_what_is_printed_is_cut() -> None:
    done = process.run(_sh("head -c 9000000 /dev/zero"), timeout=30)
    assert len(done.out) == process.OUTPUT_LIMIT


@pytest.mark.parametrize("script", ["sleep 600", "sleep 600 & sleep 600", "yes"])
def test_a_program_that_does_not_end_is_left_in_time(script: str) -> None:
    start = time.monotonic()
    with pytest.raises(Unreachable, match="sh did not end within 1 s"):
        process.run(_sh(script), timeout=1)
    assert time.monotonic() - start < 10


def test_a_grandchild_that_keeps_the_pipe_is_not_waited_for() -> None:
    start = time.monotonic()
    done = process.run(_sh("echo out; echo err >&2; sleep 30 & exit 4"), timeout=25)
    assert done == process.Finished(4, "out\n", "err\n")
    assert time.monotonic() - start < 10


def test_a_program_that_is_not_there_needs_a_person() -> None:
    for start in (lambda argv: process.run(argv, timeout=1), process.converse):
        with pytest.raises(Stalled, match="no-such-program"):
            start(["no-such-program"])


def test_a_conversation_goes_both_ways_and_ends_by_itself() -> None:
    talk = process.converse(
        _sh('read line; echo "got $line $WORD"; exec cat >&2'), env={"WORD": "w"}
    )
    talk.sock.sendall(b"one\n")
    assert talk.sock.recv(100) == b"got one w\n"
    talk.sock.sendall(b"last words")
    assert talk.end() == process.Finished(0, "", "last words")


@pytest.mark.parametrize(
    "script",
    ["trap '' HUP TERM; while :; do sleep 1; done", "exec sleep 600", "(sleep 600) & sleep 600"],
)
def test_one_who_does_not_hang_up_is_killed(script: str) -> None:
    talk = process.converse(_sh(script))
    start = time.monotonic()
    assert talk.end(grace=0.2).code == -9
    assert time.monotonic() - start < 5
