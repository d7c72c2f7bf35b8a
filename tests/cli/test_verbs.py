"""A verb brings in its own part of the command alone, and finds itself there."""

from __future__ import annotations

import pytest
import typer.main

from margo_gitops.cli.app import PARTS, command


def _verbs(first: str = "") -> set[str]:
    made = typer.main.get_command(command(first))
    return set(made.commands)  # type: ignore[attr-defined]  # a group, as it has a callback


@pytest.mark.parametrize("part", PARTS)
def test_each_part_adds_the_verbs_that_it_is_found_by(part: str) -> None:
    for verb in PARTS[part]:
        assert _verbs(verb) == set(PARTS[part])


@pytest.mark.parametrize("first", ["", "--help", "--version", "lo-run", "agents"])
def test_any_other_word_is_answered_by_all_verbs(first: str) -> None:
    assert _verbs(first) == {verb for verbs in PARTS.values() for verb in verbs}
