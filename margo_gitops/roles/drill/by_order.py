"""Sticks that are lost, come late, come twice, or in another order than they were sent."""

from __future__ import annotations

import shutil
from pathlib import Path

from margo_gitops.errors import Missing
from margo_gitops.model.trip import Counted
from margo_gitops.roles.agents import MIRROR
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.office import SITE
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.drill.site import DrillSite, stick
from margo_gitops.roles.identity import FOLDER
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.store.disk import replacing
from margo_gitops.store.tripfile import BUNDLE, opened_trip
from margo_gitops.trust.trips import code


def _lost(scene: Scene) -> Found:
    lost, brought = scene.next(), scene.next()
    answer = scene.bring(brought.path)
    expect(answer.code == 0, f"trip {brought.trip.number} was not taken in: {answer.words}")
    return Found(
        f"trip {lost.trip.number} never came, trip {brought.trip.number} did", answer.words
    )


def _lost_and_built_upon(scene: Scene) -> Found:
    before, lost = scene.site.stands(), scene.next()
    said = code(SITE, Counted(number=lost.trip.number, digest=_digest(lost.path)))
    with scene.office.opened() as office:
        Loading(office).acknowledge(SITE, lost.trip.number, said)
    upon = scene.next()
    answer = scene.bring(upon.path)
    scene.same(before)
    error = next(iter(answer.troubles), None)
    expect(isinstance(error, Missing), f"trip {upon.trip.number} was not missed: {answer.words}")
    named = f"which trip {lost.trip.number} brought"
    expect(named in answer.words, f"it does not say {named!r}: {answer.words}")
    expect("any full trip" in str(error), f"it names no remedy: {error}")
    full = scene.office.pack(scene.out, Mode.FULL)
    expect(scene.bring(full.path).code == 0, "the full trip that it asked for was not taken in")
    tried = f"trip {upon.trip.number} builds on {lost.trip.number}, which never came; then a full"
    return Found(tried, answer.words, answer.rule)


def _late(scene: Scene) -> Found:
    late, _ = scene.next(), scene.next()
    answer = scene.bring(late.path)
    stands = scene.site.stands()
    expect(stands.taken == late.trip.number, f"it was not taken in: {answer.words}")
    scene.office.load(scene.site.newest_return())
    newest = scene.next()
    taken = scene.bring(newest.path)
    expect(taken.code == 0, f"the trip after it was not taken in: {taken.words}")
    tried = f"trip {late.trip.number} came when trip {late.trip.number + 1} had been packed"
    return Found(tried, answer.words)


def _repeated(scene: Scene) -> Found:
    packed = scene.next()
    scene.bring(packed.path)
    before = scene.site.stands()
    answer = scene.bring(packed.path)
    expect("was taken in before" in answer.words, f"it was looked at as a new one: {answer.words}")
    expect(scene.site.stands() == before, "a ref of the site moved")
    return Found(f"trip {packed.trip.number} came twice", answer.words)


def _reordered(scene: Scene) -> Found:
    first, second = scene.next(), scene.next()
    scene.bring(second.path)
    before = scene.site.stands()
    answer = scene.bring(first.path)
    scene.same(before)
    expect("overtaken" in answer.words, f"it was not told apart: {answer.words}")
    tried = f"trip {second.trip.number} came before trip {first.trip.number}"
    return Found(tried, answer.words)


def _replayed(scene: Scene) -> Found:
    old = scene.next(Mode.FULL)
    scene.taken(old)
    scene.taken(scene.next())
    before = scene.site.stands()
    answer = scene.bring(old.path)
    scene.same(before)
    expect("overtaken" in answer.words, f"it was not told apart: {answer.words}")
    return Found(f"full trip {old.trip.number} came again after a newer one", answer.words)


def _replayed_bundle(scene: Scene) -> Found:
    old = scene.next(Mode.FULL)
    scene.taken(old)
    scene.taken(scene.next())
    before = scene.site.stands()
    bundle = scene.space("old") / BUNDLE
    _extract(old.path, bundle)
    answer = scene.site.take(None, remote=str(bundle))
    scene.same(before)
    expect(answer.rule == "rollback", f"it was not told as a rollback: {answer.words}")
    tried = f"the bundle of full trip {old.trip.number}, taken as a remote, after a newer trip"
    return Found(tried, answer.words, answer.rule)


def _replayed_after_a_loss(scene: Scene) -> Found:
    """The site lost its repository, and kept its key and the mark beside it."""
    old = scene.next(Mode.FULL)
    scene.taken(old)
    scene.taken(scene.next())
    bare = DrillSite(scene.space("bare") / SITE, scene.space("bare-home"))
    shutil.copytree(scene.site.state / FOLDER, bare.state / FOLDER)
    answer = bare.take(stick(scene.space("stick"), [old.path]))
    expect(bare.stands().commit is None, f"it went back to an older state: {answer.words}")
    expect(answer.rule == "floor", f"it was not told as older than its mark: {answer.words}")
    full = scene.office.pack(scene.out, Mode.FULL)
    again = bare.take(stick(scene.space("stick"), [full.path]))
    expect(again.code == 0, f"the newest full trip did not heal it: {again.words}")
    expect((bare.state / MIRROR).is_dir(), "it has no repository again")
    tried = f"full trip {old.trip.number} came to the box that lost its repository; then the newest"
    return Found(tried, answer.words, answer.rule)


def _digest(path: Path) -> str:
    with opened_trip(path) as file:
        return file.digest


def _extract(trip: Path, to: Path) -> None:
    with opened_trip(trip) as file, replacing(to) as out:
        for block in file.read(file.trip.parts[0]):
            out.write(block)


CASES = (
    Case("lost", "a trip never comes, the next one does", _lost),
    Case("lost and built upon", "a trip builds on one that never came", _lost_and_built_upon),
    Case("late", "a trip comes when the next has been packed already", _late),
    Case("repeated", "a trip comes twice", _repeated),
    Case("reordered", "the second trip comes before the first", _reordered),
    Case("replayed", "an old full trip comes after a newer one", _replayed),
    Case("replayed bundle", "the plain bundle of an old full trip is the remote", _replayed_bundle),
    Case(
        "replayed after a loss",
        "an old full trip comes to a box that lost its repository",
        _replayed_after_a_loss,
    ),
)
