"""The rules of trying, giving up and going back, for every order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model.memory import WORDS, Remembered
from margo_gitops.plan import lifecycle
from margo_gitops.plan.lifecycle import CEILING, CEILING_ALONE, LONGEST_PAUSE, given_up

ONE, TWO, THREE = (f"sha256:{str(number) * 64}" for number in (1, 2, 3))
ORIGINS = st.sampled_from([ONE, TWO, THREE])
EVENTS = st.lists(
    st.tuples(st.sampled_from(["failed", "final", "runs", "proven", "wanted"]), ORIGINS),
    max_size=40,
)


def after(events: list[tuple[str, str]]) -> Remembered:
    memory = Remembered()
    for what, origin in events:
        if what in {"failed", "final"}:
            memory = lifecycle.failed(memory, origin, "no", final=what == "final")
        elif what == "wanted":
            memory = lifecycle.only(memory, origin)
        else:
            memory = lifecycle.sound(memory, origin, proven=what == "proven")
    return memory


@given(EVENTS)
def test_what_runs_soundly_is_never_given_up_and_what_is_has_failed(
    events: list[tuple[str, str]],
) -> None:
    memory = after(events)
    for origin in (ONE, TWO, THREE):
        tries = memory.of(origin)
        if origin == memory.good or tries is None:
            assert not given_up(memory, origin)
        elif given_up(memory, origin):
            assert tries.final or tries.count >= CEILING
    assert len(memory.tries) <= 2


@given(EVENTS, ORIGINS)
def test_another_wanted_version_forgets_what_failed_before(
    events: list[tuple[str, str]], wanted: str
) -> None:
    memory = lifecycle.only(after(events), wanted)
    assert {tries.origin for tries in memory.tries} <= {wanted, memory.good}


@given(EVENTS, ORIGINS)
def test_proven_is_good_without_tries(events: list[tuple[str, str]], origin: str) -> None:
    memory = lifecycle.sound(after(events), origin, proven=True)
    assert memory.good == origin
    assert memory.of(origin) is None


def test_an_upgrade_is_given_up_before_a_first_install_is() -> None:
    first, upgrade = Remembered(), Remembered(good=ONE)
    for number in range(1, CEILING_ALONE + 1):
        first, upgrade = (lifecycle.failed(m, TWO, "no") for m in (first, upgrade))
        assert given_up(first, TWO) == (number >= CEILING_ALONE)
        assert given_up(upgrade, TWO) == (number >= CEILING)


def test_what_can_only_fail_again_is_given_up_at_once() -> None:
    assert given_up(lifecycle.failed(Remembered(), ONE, "no", final=True), ONE)
    assert not given_up(lifecycle.failed(Remembered(good=ONE), ONE, "no", final=True), ONE)


def test_a_second_version_has_to_be_proven_before_one_goes_back_to_it() -> None:
    memory = lifecycle.sound(Remembered(), ONE, proven=False)
    assert memory.good == ONE
    assert lifecycle.sound(memory, TWO, proven=False).good == ONE
    assert lifecycle.sound(memory, TWO, proven=True).good == TWO


def test_pauses_double_up_to_a_limit() -> None:
    assert [lifecycle.pause(count) for count in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert lifecycle.pause(10_000) == LONGEST_PAUSE


@given(st.text(max_size=3 * WORDS))
def test_of_long_words_the_end_is_kept(words: str) -> None:
    tries = lifecycle.failed(Remembered(), ONE, words).of(ONE)
    assert tries is not None
    assert words.endswith(tries.words)
    assert len(tries.words.encode()) <= WORDS
