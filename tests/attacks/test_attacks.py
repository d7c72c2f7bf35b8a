"""Every attack of the table, twice: its defence off, where it must succeed, and on."""

from __future__ import annotations

import pytest

from margo_gitops.errors import Refused
from tests.attacks import page
from tests.attacks.table import ATTACKS, Attack

EVERY = pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))


@EVERY
def test_it_succeeds_with_its_defence_off(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    attack.off(monkeypatch)
    tried = attack.run()
    assert tried.succeeded, tried.said


@EVERY
def test_it_is_refused_and_named(attack: Attack) -> None:
    tried = attack.run()
    assert not tried.succeeded
    assert tried.said is not None
    rule = tried.said.rule if isinstance(tried.said, Refused) else "-"
    assert (tried.said.exit_code, rule) == (attack.code, attack.rule), tried.said
    assert attack.says in tried.said.problem


def test_the_threat_model_is_that_of_these_attacks() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.text(), "python -m tests.attacks.page"
