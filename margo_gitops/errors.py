"""The errors of this project; the class says what happens next, not the text.

    MargoError                    never raised itself
    ├── Invalid          exit 1   the answer is no: a document, a request
    ├── Usage            exit 2   the command was called wrongly
    ├── Refused          exit 3   digest, rollback, fork, another site's document
    ├── Waiting          exit 4   nothing lost; it is tried again by itself
    │   ├── Unreachable           the remote did not answer, or not in time
    │   ├── Missing               something named is not there yet
    │   ├── Underway              it gets on, and is gone on with at once
    │   ├── Failing               a workload did not come to run
    │   └── LostRace              another writer moved the ref first
    └── Stalled          exit 5   a person must act

What is not a `MargoError` is a bug: exit 70. Only `cli` ends the process.
"""

from __future__ import annotations


class MargoError(Exception):
    """One fault, told to the technician who reads it at night.

    `problem` is one sentence with what was found, what was expected and where. `then` says what
    happens next by itself, `help` the command that helps. None of them holds a secret.
    """

    exit_code = 70
    then_default = ""

    def __init__(self, problem: str, *, then: str = "", help: str = "") -> None:
        self.problem = problem
        self.then = then or self.then_default
        self.help = help
        super().__init__(problem)

    def __str__(self) -> str:
        then = f" {self.then[:1].upper()}{self.then[1:]}." if self.then else ""
        help = f" Try: {self.help}" if self.help else ""
        return f"{self.problem.rstrip('.')}.{then}{help}"


class Invalid(MargoError):
    """The answer is no; the same question gives the same answer."""

    exit_code = 1


class Usage(MargoError):
    """The command or a setting was given wrongly."""

    exit_code = 2


class Refused(MargoError):
    """What arrived breaks a rule; `rule` is the short name that status reports."""

    exit_code = 3
    then_default = "the old state stays in force, whole"

    def __init__(self, problem: str, *, rule: str, then: str = "", help: str = "") -> None:
        self.rule = rule
        super().__init__(problem, then=then, help=help)


class Waiting(MargoError):
    """Not now; nothing is lost."""

    exit_code = 4
    then_default = "it is tried again by itself; what runs goes on running"


class Unreachable(Waiting):
    """A remote or an engine did not answer, or not in time."""


class Missing(Waiting):
    """Something that was named is not there yet."""


class Underway(Waiting):
    """It is being done and gets on: it is gone on with at once."""

    then_default = "it goes on by itself; what runs goes on running"


class Failing(Waiting):
    """A workload did not come to run: tried again with growing pauses, then given up."""


class LostRace(Waiting):
    """Another writer moved the ref first; read it again and repeat."""


class Stalled(MargoError):
    """A person must act: trying again changes nothing."""

    exit_code = 5
