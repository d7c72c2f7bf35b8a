"""Every fault that this project is tried against: where, by which tests, and what must follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Fault:
    """One row of the page; `tests` are node ids, of which each case counts as one try.

    A test that tries a fault many times says so with `record_property("tried", number)`.
    """

    name: str
    where: str
    outcome: str
    tests: tuple[str, ...]


_NAMED = "tests/faults/test_named.py::"
_REMOTES = "tests/faults/test_remotes.py::"
_CRASH = "tests/faults/test_crash.py::"
_STICKS = "tests/faults/test_crash_trips.py::"
_DISKS = "tests/faults/test_disks.py::"
_SIGKILL = "tests/faults/test_sigkill.py::"
_REBOOT = "tests/faults/test_reboot.py::"
_HEALING = "tests/faults/test_healing.py::"
_CONTENT = "tests/artifacts/test_content.py::"
_STORE = "tests/store/test_faults.py::"
_TRANSPORTS = "tests/store/test_transports.py::"

FAULTS = (
    Fault(
        "killed at a durable system call",
        "LO, one pass",
        "old or new; the next run finishes it",
        (_CRASH + "test_an_lo_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "EN, one pass with a wasm workload",
        "old or new; one workload, never two; the next run finishes it",
        (_CRASH + "test_an_en_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "CO, `margo set` in a clone",
        "old or new on every branch; a file that was not committed yet is named to its person",
        (_CRASH + "test_a_verb_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "a push to a bundle, then an LO that reads it",
        "the old bundle or the new one",
        (_CRASH + "test_a_bundle_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "the office, packing a trip",
        "a whole trip or none; a number may stay unused",
        (_STICKS + "test_packing_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "LO, taking in a trip and answering it",
        "old or new; the next run finishes it from the same stick",
        (_STICKS + "test_taking_in_killed_at_any_durable_call",),
    ),
    Fault(
        "killed at a durable system call",
        "the office, loading a return trip",
        "old or new; loading it again finishes it",
        (_STICKS + "test_loading_killed_at_any_durable_call",),
    ),
    Fault(
        "killed before a write",
        "the store: a move, a new repository, a push to a path and to a bundle",
        "old or new, whole to `git fsck --strict`",
        (
            _STORE + "test_killed_anywhere_a_move_leaves_the_old_or_the_new",
            _STORE + "test_killed_anywhere_a_repository_is_made_or_not",
            _STORE + "test_killed_anywhere_a_push_leaves_the_old_or_the_new",
        ),
    ),
    Fault(
        "SIGKILL at a random moment",
        "LO and EN at work, changes arriving",
        "all converges; one workload; no status lost",
        (_SIGKILL + "test_fifty_kills_at_random_moments_lose_and_double_nothing",),
    ),
    Fault(
        "random schedules of all these",
        "CO with two renderers, LO, EN, in memory",
        "every invariant after every step; at the end all converges, then silence",
        ("tests/faults/test_simulate.py::test_random_schedules_keep_every_invariant",),
    ),
    Fault(
        "a writer died while it held a ref's lock",
        "the LO's mirror",
        "taken over at once; a living writer's lock and git's own are not",
        (
            _REMOTES + "test_the_lock_of_a_killed_writer_costs_no_pass",
            _REMOTES + "test_a_living_writers_lock_is_never_taken",
        ),
    ),
    Fault(
        "lost race",
        "a push to a server, a path, a bundle",
        "exactly one wins; the other is told",
        (
            _TRANSPORTS + "TestHttp::test_a_push_onto_another_tip_is_a_lost_race",
            _TRANSPORTS + "TestHttp::test_of_two_pushers_exactly_one_wins",
        ),
    ),
    Fault(
        "truncated fetch",
        "a pack cut short, a blob left out",
        "refused; no ref moves, nothing is kept",
        (
            "tests/store/test_packs.py::test_a_pack_cut_short_is_refused",
            "tests/store/test_packs.py::test_a_pack_that_lacks_a_blob_leaves_nothing",
        ),
    ),
    Fault(
        "hanging server",
        "http: silence, or a byte each 50 ms",
        "left within the time limit; tried again",
        ("tests/store/test_http.py::test_a_server_that_never_finishes_is_left_in_time",),
    ),
    Fault(
        "half-answered push",
        "status and report: applied, the answer lost",
        "the next pass sees that it succeeded; no second commit",
        (
            _NAMED + "test_a_push_whose_answer_is_lost_is_seen_to_have_succeeded",
            _REMOTES + "test_an_answer_that_is_lost_on_the_wire_is_no_second_push",
        ),
    ),
    Fault(
        "out of disk",
        "the store, a stick, the content store, whole LO and EN processes",
        "exit 5 with the place; the old state stays, what runs goes on",
        (
            _STORE + "test_a_full_disk_keeps_the_old_state_whole",
            _STORE + "test_a_full_stick_keeps_the_old_bundle",
            _CONTENT + "test_a_full_disk_leaves_the_old_blobs_and_no_half_one",
            _DISKS + "test_an_agent_whose_state_cannot_be_written_needs_a_person",
        ),
    ),
    Fault(
        "read-only disk",
        "whole LO and EN processes, and their remote",
        "exit 5 with the place; placing goes on without the remote",
        (
            _DISKS + "test_an_agent_whose_state_cannot_be_written_needs_a_person",
            _DISKS + "test_an_lo_whose_remote_cannot_be_written_works_on",
        ),
    ),
    Fault(
        "clock in 1970, in 2096, jumping both ways",
        "LO and EN",
        "no decision differs",
        (_NAMED + "test_a_clock_in_1970_and_one_that_jumps_decide_nothing",),
    ),
    Fault(
        "remote rewritten",
        "a site branch, a status branch of another history; a status branch deleted",
        "refused or stopped, said once; what runs stays; a deleted one is given again",
        (
            _NAMED + "test_a_site_branch_of_another_history_is_refused_and_what_runs_stays",
            _NAMED
            + "test_a_status_branch_of_another_history_stops_the_writer_and_not_the_workload",
            _NAMED + "test_a_status_branch_that_was_deleted_at_the_remote_is_given_again",
        ),
    ),
    Fault(
        "a cache with yesterday's refs",
        "between LO and remote",
        "refused as a rollback; what runs stays",
        (_NAMED + "test_a_cache_that_answers_with_yesterdays_refs_turns_nothing_back",),
    ),
    Fault(
        "refs by the ten thousand",
        "a remote of 20,000 site branches",
        "the site gets its own refs only; nothing else moves",
        (_REMOTES + "test_a_remote_of_20000_refs_serves_its_sites_as_one_of_two",),
    ),
    Fault(
        "bitmap-packed server",
        "http, histories that return to older trees",
        "every object arrives, blobs included",
        (_REMOTES + "test_a_server_packed_with_bitmaps_gives_every_object",),
    ),
    Fault(
        "git packs refs beside our moves",
        "`git pack-refs` in a loop",
        "nothing lost, nothing deleted comes back",
        ("tests/store/test_local.py::test_git_packing_refs_beside_our_moves_loses_nothing",),
    ),
    Fault(
        "stale renderer",
        "two clones: an older main published late; one main published twice",
        "loses the race, then held by lineage; the same main makes the same commit",
        (
            _NAMED + "test_a_stale_renderer_loses_the_race_and_then_is_held_by_lineage",
            _NAMED + "test_two_renderers_of_one_main_make_one_commit",
        ),
    ),
    Fault(
        "restored from a snapshot",
        "LO, EN",
        "follows its own later word; no action twice",
        (
            _NAMED + "test_an_lo_restored_from_a_snapshot_follows_its_own_later_word",
            _NAMED + "test_an_en_restored_from_a_snapshot_does_nothing_twice",
        ),
    ),
    Fault(
        "wiped",
        "EN with its engine",
        "runs again what it should",
        (_NAMED + "test_an_en_that_was_wiped_with_its_engine_runs_again_what_it_should",),
    ),
    Fault(
        "host reboot",
        "LO, EN and workloads: all ended at once, new boot id, no remote",
        "what ran runs again, from the state folder alone",
        (_REBOOT + "test_what_ran_runs_again_without_the_remote",),
    ),
    Fault(
        "host reboot",
        "a workload that was just being applied",
        "it is applied again",
        (_REBOOT + "test_a_power_cut_while_a_workload_is_applied",),
    ),
    Fault(
        "host reboot",
        "a node with its one-node cluster: the agent is back first, no site",
        "it waits for the cluster; releases stay as they were",
        ("tests/faults/test_reboot_helm.py::test_releases_stay_as_they_were_without_the_site",),
    ),
    Fault(
        "site branch set back",
        "a clone holds what the site adopted",
        "rendering heals it by a merge of both heads",
        (
            _HEALING
            + "test_a_branch_that_was_set_back_is_healed_by_a_clone_that_holds_what_was_adopted",
        ),
    ),
    Fault(
        "site branch forked",
        "site and branch went on apart",
        "rendering heals it by a merge of both heads",
        (_HEALING + "test_a_fork_is_healed_by_a_merge_of_both_heads",),
    ),
    Fault(
        "status branch cut off at an epoch's border",
        "LO, in any order of words, cuts, restarts and pruning",
        "nothing is lost; the remote has the last word",
        ("tests/test_status_epochs.py::test_any_order_of_words_cuts_and_restarts_loses_nothing",),
    ),
)
