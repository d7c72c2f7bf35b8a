"""What people suspended is left as it is: with a reason, an owner, an end."""

from __future__ import annotations

import re
import shlex
from calendar import timegm
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from margo_gitops.errors import Failing, Invalid, Usage
from margo_gitops.model import layout
from margo_gitops.model.fleet import Intent, SiteOverride
from margo_gitops.model.suspension import Suspension, ending
from margo_gitops.render import edits
from tests.cli.running import margo
from tests.fleet import SimulatedFleet

LIFECYCLE = Path(__file__).parents[1] / "docs" / "lifecycle.md"
WHY = "suspended by Ada: line 3 is in audit"
BEFORE, AFTER = timegm((2026, 12, 1, 5, 59, 0)), timegm((2026, 12, 1, 6, 0, 0))
UNTIL = "2026-12-01T06:00Z"


@pytest.fixture
def fleet() -> SimulatedFleet:
    made = SimulatedFleet({"north": ("n1",), "south": ("s1",)})
    made.deploy()
    made.settle()
    assert made.running() == {"n1": {"hello": "Hello"}, "s1": {"hello": "Hello"}}
    return made


def states(fleet: SimulatedFleet, site: str = "north") -> list[tuple[str, str]]:
    return [(item.state, item.why) for item in fleet.co.status(site).deployments]


def kill(fleet: SimulatedFleet, node: str = "n1") -> None:
    for held in fleet.nodes[node].engine.held.values():
        for component in held.values():
            component.alive = False


def test_neither_an_upgrade_nor_drift_is_acted_on(fleet: SimulatedFleet) -> None:
    fleet.suspend()
    fleet.set(greeting="Moin")
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}, "s1": {"hello": "Hello"}}
    kill(fleet)
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "dead"}
    assert [why for _, why in states(fleet)] == [WHY]


def test_resumed_it_does_all_that_was_left(fleet: SimulatedFleet) -> None:
    fleet.suspend()
    fleet.set(greeting="Moin")
    kill(fleet)
    fleet.settle()
    fleet.resume()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Moin"}, "s1": {"hello": "Moin"}}
    assert states(fleet)[0][0] == "installed"
    assert "suspended" not in states(fleet)[0][1]


def test_what_is_not_there_yet_is_not_installed(fleet: SimulatedFleet) -> None:
    fleet.undeploy()
    fleet.settle()
    fleet.deploy()
    fleet.suspend()
    fleet.settle()
    assert fleet.running() == {"n1": {}, "s1": {}}
    assert states(fleet) == [("pending", WHY)]


def test_at_one_site_only(fleet: SimulatedFleet) -> None:
    fleet.suspend("north")
    fleet.set(greeting="Moin")
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}, "s1": {"hello": "Moin"}}
    fleet.resume("north")
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "Moin"}


def test_an_undeployed_one_is_removed_though_it_was_suspended(fleet: SimulatedFleet) -> None:
    fleet.suspend()
    fleet.settle()
    fleet.undeploy()
    fleet.settle()
    assert fleet.running() == {"n1": {}, "s1": {}}


def test_it_ends_by_itself_by_the_nodes_own_clock(fleet: SimulatedFleet) -> None:
    node = fleet.nodes["n1"]
    node.today = BEFORE
    fleet.suspend(until=UNTIL)
    fleet.set(greeting="Moin")
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "Hello"}
    node.today = AFTER
    node.link.is_cut = True
    node.poll()
    assert fleet.running()["n1"] == {"hello": "Moin"}


def test_a_clock_in_1970_ends_nothing(fleet: SimulatedFleet) -> None:
    fleet.suspend(until=UNTIL)
    fleet.set(greeting="Moin")
    fleet.nodes["n1"].today = 0
    fleet.settle()
    assert fleet.running()["n1"] == {"hello": "Hello"}


def test_it_outlives_a_restart_and_failed_tries_do_not_count(fleet: SimulatedFleet) -> None:
    fleet.nodes["n1"].engine.fails["Moin"] = Failing("no")
    fleet.suspend()
    fleet.set(greeting="Moin")
    fleet.settle()
    fleet.nodes["n1"].restart()
    fleet.settle()
    assert fleet.nodes["n1"].engine.tried == []
    fleet.resume()
    fleet.settle(1)
    assert fleet.nodes["n1"].engine.tried == ["Moin"]


def test_a_second_pass_says_nothing_new(fleet: SimulatedFleet) -> None:
    fleet.suspend()
    fleet.settle()
    assert all(not o.actions and not o.commits for o in fleet.poll_all())


def test_a_record_of_a_deployment_is_not_changed_by_it(fleet: SimulatedFleet) -> None:
    before = fleet.co.published("north")
    fleet.suspend()
    after = fleet.co.published("north")
    assert before is not None
    assert after is not None
    path = layout.document_path("hello", None)
    assert before.files[path] == after.files[path]
    kept = [entry.record for entry in before.change.records if entry.record.name == "hello"]
    assert kept == [entry.record for entry in after.change.records if entry.record.name == "hello"]


def test_what_makes_no_sense_is_said(fleet: SimulatedFleet) -> None:
    main = fleet.co.main()
    suspension = Suspension(reason="why", by="Ada")
    with pytest.raises(Invalid, match="hello is not at west"):
        edits.suspend(main, "hello", suspension, ["west"], file=None)
    with pytest.raises(Invalid, match="there is no deployment bye"):
        edits.suspend(main, "bye", suspension, [], file=None)
    with pytest.raises(Usage, match="nothing to change"):
        edits.resume(main, "hello", [], file=None)
    fleet.suspend()
    with pytest.raises(Usage, match="suspended everywhere"):
        edits.resume(fleet.co.main(), "hello", ["north"], file=None)


def test_resuming_everywhere_ends_it_at_single_sites_too(fleet: SimulatedFleet) -> None:
    fleet.suspend("north")
    fleet.suspend()
    fleet.resume()
    assert fleet.co.main().intents["hello"].overrides == {}


@pytest.mark.parametrize(
    "moment", ["2026-13-01T00:00Z", "2026-02-29T00:00Z", "2026-01-01T24:00Z", "2026-01-01T00:60Z"]
)
def test_a_moment_that_no_calendar_has(moment: str) -> None:
    with pytest.raises(ValidationError, match="no calendar"):
        Suspension(reason="why", by="Ada", until=moment)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 31)))
def test_a_moment_is_what_a_calendar_says(moment: datetime) -> None:
    expected = moment.replace(second=0, microsecond=0, tzinfo=UTC).timestamp()
    assert ending(f"{moment:%Y-%m-%dT%H:%M}Z") == expected


def test_the_nearest_suspension_counts() -> None:
    here, everywhere = (Suspension(reason=why, by="Ada") for why in ("here", "everywhere"))
    intent = Intent.model_validate(
        {
            "name": "hello",
            "application": {"id": "a", "version": "1"},
            "profile": "wasm",
            "targets": {"sites": ["north"]},
            "overrides": {"north": SiteOverride(suspended=here)},
            "suspended": everywhere,
        }
    )
    assert intent.suspended_at("north") == here
    assert intent.suspended_at("south") == everywhere


def test_the_verbs(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    examples = Path(__file__).parents[1] / "examples"
    for words in (
        ("init", str(fleet), "--open"),
        ("site", "add", "north"),
        ("app", "add", str(examples / "hello-wasm")),
        ("deploy", "hello-wasm", "--site", "north", "--type", "custom", "--name", "hello"),
    ):
        done = margo(*words, cwd=tmp_path if words[0] == "init" else fleet)
        assert done.returncode == 0, done.stderr
    for words in re.findall(
        r"^(margo (?:suspend|resume) .*)$", LIFECYCLE.read_text(), re.MULTILINE
    ):
        done = margo(*shlex.split(words)[1:], cwd=fleet)
        assert done.returncode == 0, done.stderr
    suspend = ("suspend", "hello", "--reason", "audit", "--until", UNTIL)
    shown = margo(*suspend, "--dry-run", cwd=fleet)
    assert "would commit: Suspend hello" in shown.stdout
    assert margo(*suspend, cwd=fleet).returncode == 0
    written = (fleet / "deployments" / "hello.yaml").read_text()
    assert "by: Ada" in written
    assert "until: 2026-12-01T06:00Z" in written.replace('"', "").replace("'", "")
    assert margo("resume", "hello", cwd=fleet).returncode == 0
    assert "suspended" not in (fleet / "deployments" / "hello.yaml").read_text()
    wrong = margo("suspend", "hello", "--reason", "audit", "--until", "tomorrow", cwd=fleet)
    assert wrong.returncode == 2
    assert "2026-12-01T06:00Z" in wrong.stderr
