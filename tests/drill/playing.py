"""The drill's scene in this very process, so that what is switched off here is off in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from margo_gitops.roles.drill.cutting import Attempt, Job, attempts
from margo_gitops.roles.drill.goods import Goods
from margo_gitops.roles.drill.office import DrillOffice
from margo_gitops.roles.drill.scene import Scene

EXAMPLES = Path(__file__).parents[2] / "examples"


def forked(job: Job) -> Sequence[Attempt]:
    """The attempts of a job, in a fork of this process instead of a process of their own."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(told)
            with os.fdopen(telling, "w") as pipe:
                pipe.writelines(json.dumps(asdict(attempt)) + "\n" for attempt in attempts(job))
        finally:
            os._exit(0)
    os.close(telling)
    with os.fdopen(told) as pipe:
        found = [Attempt(**json.loads(line)) for line in pipe]
    os.waitpid(pid, 0)
    return found


def begun(folder: Path) -> Scene:
    """A fleet whose site took in its first trip; it has no workload, so it can be copied."""
    made = Scene(folder, DrillOffice(folder / "office", Goods(EXAMPLES)), 1, forked)
    made.found()
    made.begin(node=False)
    return made


def copied(scene: Scene, folder: Path) -> Scene:
    """The same fleet once more, elsewhere."""
    shutil.copytree(scene.folder, folder)
    office = DrillOffice(folder / "office", scene.office.goods, scene.office.word)
    return Scene(folder, office, scene.seed, forked, scene.greeting, scene.fleet)
