"""Documents: how many a second, a fleet checked twice, the hook, `--help`."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from margo_gitops.documents.check import check
from margo_gitops.store.git import Authorship, GitStore
from tests.bench.measure import Sample, command, inside, interleaved, quickest
from tests.bench.papers import KINDS, SIZE, paper
from tests.bench.result import Bench, Section
from tests.documents.fleet_tree import INTENT, fleet

MARGO = (sys.executable, "-m", "margo_gitops")
AUTHOR = Authorship("Ada", "ada@example.invalid", 1_700_000_000)
_CHECK = """
import sys
from functools import partial
from pathlib import Path
from margo_gitops.roles.checking import check_main
from margo_gitops.store.git import GitStore
with GitStore.open(Path(sys.argv[1])) as store:
    found = check_main(store, sys.argv[2])
sys.exit(len(found) > 0)
"""


def speed(bench: Bench) -> Section:
    """Every kind of document, parsed, checked by its schema and by the rules no schema can say."""
    section = Section(
        "Documents, each alone",
        f"Documents of {SIZE} bytes or a little more, no two alike, each checked as `margo"
        " validate` checks it: parsed, schema, rules, model. Milliseconds for one document;"
        " the best round.",
    )
    count = 50 if bench.quick else 200
    papers = {kind: [paper(kind, number) for number in range(count)] for kind in KINDS}
    for kind, made in papers.items():
        assert not check(made[0], kind), f"the {kind} of this benchmark is not right"
    section.rows = quickest(
        {kind: partial(_checked, made) for kind, made in papers.items()}, max(3, bench.rounds)
    )
    costs = {kind: row.cpu for kind, row in section.rows.items()}
    slowest = max(costs, key=lambda kind: costs[kind])
    mixed = 1000 * len(costs) / sum(costs.values())
    why = "by the profile, half of it is the reading of YAML and a fifth the schema"
    section.at_least(
        "documents of 2 KB a second a core, schema included, as many of each kind",
        *(400, mixed, "/s", why),
    )
    section.at_least(f"the slowest kind alone ({slowest})", 400, 1000 / costs[slowest], "/s", why)
    return section


def twice(bench: Bench) -> Section:
    """A fleet's `main` checked by a new process, and again by another."""
    intents = 300 if bench.quick else 50_000
    section = Section(
        f"A fleet of {intents:,} deployments, checked twice",
        "A new process each time, `main` in a bare repository: every document and the rules"
        " across files. The second finds each verdict kept under its blob's id.",
        chart="wall",
    )
    path = bench.room("twice") / "fleet.git"
    with GitStore.create(path) as store:
        commit = store.write(_fleet(intents), parents=[], author=AUTHOR, message="A fleet")
        store.move("refs/heads/main", commit, old=None)
    argv = [sys.executable, "-c", _CHECK, str(path), commit]
    run = partial(command, argv, cwd=path.parent, env=os.environ)
    section.rows = {"first check": run()}
    section.rows |= interleaved({"second check": run}, 1 if bench.quick else 3)
    section.at_most(
        f"second check of {intents:,} deployments",
        10,
        section.rows["second check"].wall / 1000,
        "s",
        "what is kept is read as one model for each blob, and the rules across files run again",
    )
    return section


def commands(bench: Bench) -> Section:
    """What a person waits for."""
    section = Section(
        "Commands a person waits for",
        "Processes of their own, started cold. The hook is `margo validate --index` on a fleet"
        " repository with one changed file staged.",
        chart="wall",
    )
    repository = _repository(bench.room("hook"))
    cases = {
        "margo --help": [*MARGO, "--help"],
        "margo validate, one file": [*MARGO, "validate", "deployments/weigh.yaml"],
        "hook on one file": [*MARGO, "validate", "--index", "--layout", "fleet"],
        "python -c pass (for scale)": [sys.executable, "-c", "pass"],
    }
    runs = {
        name: partial(command, argv, cwd=repository, env=os.environ) for name, argv in cases.items()
    }
    interleaved(runs, 1)  # the modules are compiled
    section.rows = interleaved(runs, bench.rounds)
    why = "imports: see `python -X importtime -m margo_gitops`"
    section.at_most("`margo --help`", 150, section.rows["margo --help"].wall, "ms", why)
    section.at_most("hook on one file", 400, section.rows["hook on one file"].wall, "ms", why)
    return section


def _checked(made: list[bytes]) -> Sample:
    papers = iter(made)
    return inside(lambda: check(next(papers), "document"), len(made))


def _fleet(intents: int) -> dict[str, bytes]:
    tree = fleet()
    for number in range(intents):
        text = INTENT.replace("name: weigh", f"name: weigh-{number}")
        tree[f"deployments/weigh-{number}.yaml"] = text.encode()
    return tree


def _repository(folder: Path) -> Path:
    def git(*words: str) -> None:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    for path, data in fleet().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "A fleet")
    changed = folder / "deployments" / "weigh.yaml"
    changed.write_text(INTENT.replace("rate: 5", "rate: 7"))
    git("add", "-A")
    return folder
