"""Any order of changes, polls, cuts and restarts ends in the same state, and then in silence."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margo_gitops.errors import Invalid, Usage
from tests.fleet import SimulatedFleet

NODES = {"north": ("n1", "n2"), "south": ("s1",)}

steps = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(["Hello", "Moin", "Ahoy"])),
    st.tuples(st.sampled_from(["deploy", "undeploy"]), st.just("")),
    st.tuples(
        st.sampled_from(["poll", "cut", "heal", "restart"]),
        st.sampled_from(["north", "south", "n1", "n2", "s1"]),
    ),
    st.tuples(st.just("kill"), st.sampled_from(["n1", "n2", "s1"])),
)


def take(fleet: SimulatedFleet, verb: str, what: str) -> None:
    """One step; a change that cannot be made now is a person's mistake, not the fleet's."""
    if verb in {"poll", "cut", "heal", "restart"}:
        agent = fleet.sites.get(what) or fleet.nodes[what]
        if verb == "poll":
            agent.poll()
        elif verb == "restart":
            agent.restart()
        else:
            agent.link.is_cut = verb == "cut"
    elif verb == "kill":
        engine = fleet.nodes[what].engine
        for id, components in engine.held.items():
            for name in components:
                engine.kill(id, name)
    else:
        try:
            if verb == "set":
                fleet.set(greeting=what)
            else:
                (fleet.deploy if verb == "deploy" else fleet.undeploy)()
        except (Invalid, Usage):
            return


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=30))
def test_every_schedule_converges(schedule: list[tuple[str, str]]) -> None:
    fleet = SimulatedFleet(NODES)
    for verb, what in schedule:
        take(fleet, verb, what)
    for agent in fleet.sites.values():
        agent.link.is_cut = False
    for node in fleet.nodes.values():
        node.link.is_cut = False
    fleet.settle(5)
    intent = fleet.co.main().intents.get("hello")
    wanted = [] if intent is None else [str(intent.parameters.get("greeting", "Hello"))]
    for site, nodes in NODES.items():
        assert [v for n in nodes for v in fleet.nodes[n].values().values()] == wanted, site
        assert fleet.co.status(site).in_step
    assert all(outcome.quiet and not outcome.troubles for outcome in fleet.poll_all())
