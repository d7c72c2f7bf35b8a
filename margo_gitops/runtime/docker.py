"""A Docker engine through its program: every call is bounded, none sees the agent's environment.

python-on-whales runs compose. It knows no time limit, hands on its whole environment (which a
compose file could read by interpolation) and inspects containers one by one. So the program that it
is told to start is `env -i ... timeout SECONDS docker`, and what is only read goes to that same
program directly, for all containers at once. `timeout` ends the whole process group: a plugin that
hangs is a child of the docker program.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from margo_gitops.errors import Invalid, Unreachable, Waiting
from margo_gitops.process import Finished, converse, run

if TYPE_CHECKING:
    from python_on_whales import DockerClient

KEPT = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "DOCKER_HOST", "DOCKER_CONTEXT"),
    *("DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"),
)
"""Environment variables that reach the docker program; all are names and places, none a secret."""

_SWITCHES = ("COMPOSE_EXPERIMENTAL_GIT_REMOTE=false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE=false")
_READ, _STOP, _GRACE = 30.0, 120.0, 5
_ENDED = {124, 137}
_NOT_INSTALLED = 127
_WORDS = 300
_INSPECT = (
    '{"labels":{{json .Config.Labels}},"state":{{json .State.Status}},'
    '"exit_code":{{.State.ExitCode}},"out_of_memory":{{.State.OOMKilled}},'
    '"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},'
    '"restart":{{json .HostConfig.RestartPolicy.Name}},"restarts":{{.RestartCount}}}'
)


@dataclass(frozen=True, slots=True)
class Container:
    """What the engine says of one container; `health` and `restart` are empty where not set."""

    labels: Mapping[str, str]
    state: str
    exit_code: int
    out_of_memory: bool
    health: str
    restart: str
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Project:
    """One compose project: its name, the files that it is read from, and their folder."""

    name: str
    folder: Path
    file: Path | None = None
    env_files: tuple[Path, ...] = ()


class Docker:
    """The engine at `host`; None is what `DOCKER_HOST`, else docker itself, takes for default."""

    def __init__(self, host: str | None) -> None:
        self._host = host

    def problem(self) -> str | None:
        """None if the engine and the compose plugin answer, else why not."""
        if said := self._silence():
            return said
        if self._read("compose", "version", "--short").code:
            return "the docker compose plugin is missing"
        return None

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """All containers with all these labels, running or not. Raises `Unreachable`."""
        ids = self._answer("ps", "--all", "--quiet", "--no-trunc", *_filters(labels)).split()
        if not ids:
            return []
        found = self._read("inspect", "--type", "container", "--format", _INSPECT, *ids)
        # One that went between the two calls is no fault; an answer cut short is.
        if any("no such" not in line.lower() for line in found.err.splitlines() if line.strip()):
            raise self._fault(found)
        lines = [line for line in found.out.splitlines() if line.strip()]
        return [
            item
            for item in (Container(**json.loads(line)) for line in lines)
            if labels.items() <= item.labels.items()
        ]

    def volume_labels(self, labels: Mapping[str, str], wanted: str) -> list[str]:
        """The label `wanted` of the volumes with all `labels`. Raises `Unreachable`."""
        template = "\t".join(f'{{{{.Label "{key}"}}}}' for key in (*labels, wanted))
        answer = self._answer("volume", "ls", "--format", template, *_filters(labels))
        rows = [line.split("\t") for line in answer.splitlines()]
        return [row[-1] for row in rows if row[:-1] == list(labels.values())]

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make an empty volume with these labels in the place of one of that name."""
        self.drop_volume(name)
        pairs = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
        self._answer("volume", "create", *pairs, name)

    def drop_volume(self, name: str) -> None:
        """Remove a volume; quiet where there is none."""
        self._answer("volume", "rm", "--force", name)

    def lacks(self, images: Sequence[str]) -> list[str]:
        """Those of `images` that the engine does not hold."""
        return [image for image in images if self._read("image", "inspect", image).code]

    def load(self, write: Callable[[IO[bytes]], None], *, timeout: float) -> str:
        """Give the engine the images of an archive that `write` writes; its words about it."""
        host = ["--host", self._host] if self._host else []
        talk = converse([*_program(timeout), *host, "image", "load"])
        try:
            with suppress(OSError), talk.sock.makefile("wb") as stream:  # its words say why
                write(stream)
            talk.hang_up()
            said = b"".join(iter(lambda: talk.sock.recv(1 << 16), b""))
        finally:
            done = talk.end(grace=_GRACE)
        if done.code and (silence := self._silence()):
            raise Unreachable(silence)
        return _words(done.err or said.decode("utf-8", "replace"))

    def tags(self, repository: str) -> list[str]:
        """The tags that the engine has under the name of a repository. Raises `Unreachable`."""
        wanted = ("--filter", f"reference={repository}", "--format", "{{.Tag}}")
        return self._answer("image", "ls", *wanted).split()

    def drop_image(self, reference: str) -> None:
        """Take a name from its image, and the image away where nothing else uses it."""
        self._read("image", "rm", reference)

    def logs(self, project: Project, tail: int) -> str:
        """The last lines of every container of the project."""
        client = self._client(_READ, project)
        argv = [*client.docker_compose_cmd, "logs", "--no-color", "--tail", str(tail)]
        done = self._run(argv, _READ)
        return done.out if done.code == 0 else ""

    def config(self, project: Project) -> dict[str, Any]:
        """The project as compose understands it.

        Raises `Invalid` with compose's own words, `Unreachable` where there is no compose.
        """
        from python_on_whales import DockerException  # noqa: PLC0415

        try:
            resolved = self._client(_READ, project).compose.config(return_json=True)
        except DockerException as error:
            if said := self.problem():
                raise Unreachable(said) from error
            raise Invalid(f"docker compose refuses the file: {_words(error.stderr)}") from error
        except ValueError as error:
            raise Invalid("docker compose gives no JSON for the file") from error
        return dict(resolved)

    def up(self, project: Project, *, timeout: float, recreate: bool) -> str | None:
        """Start what is not as in the file. None where it was done, else the engine's words.

        Raises `Unreachable` where no engine answers.
        """
        from python_on_whales import DockerException  # noqa: PLC0415

        try:
            self._client(timeout, project).compose.up(
                detach=True,
                quiet=True,
                no_build=True,
                pull="missing",
                remove_orphans=True,
                force_recreate=recreate,
            )
        except DockerException as error:
            if said := self._silence():
                raise Unreachable(said) from error
            if error.return_code in _ENDED:
                return f"it did not start within {timeout:g} s"
            return _words(error.stderr)
        return None

    def down(self, project: Project) -> None:
        """Remove the project's containers, networks and volumes; quiet where there is nothing.

        Raises `Unreachable`, and `Waiting` where the engine did not do it.
        """
        from python_on_whales import DockerException  # noqa: PLC0415

        try:
            self._client(_STOP, project).compose.down(remove_orphans=True, volumes=True, quiet=True)
        except DockerException as error:
            if said := self._silence():
                raise Unreachable(said) from error
            words = _words(error.stderr)
            raise Waiting(f"{project.name} was not removed: {words}") from error

    def _client(self, timeout: float, project: Project) -> DockerClient:
        from python_on_whales import DockerClient  # noqa: PLC0415

        return DockerClient(
            client_call=_program(timeout),
            host=self._host,
            compose_files=[project.file] if project.file else [],
            compose_env_files=list(project.env_files),
            compose_project_name=project.name,
            compose_project_directory=project.folder,
        )

    def _silence(self) -> str | None:
        done = self._read("version", "--format", "{{.Server.Version}}")
        if done.code == _NOT_INSTALLED:
            return "the program docker was not found on this host"
        if done.code and "permission denied" in done.err:
            return f"this user may not use the Docker engine at {self._address}"
        if done.code:
            return f"no Docker engine answers at {self._address}; is dockerd running?"
        return None

    @property
    def _address(self) -> str:
        address = self._host or os.environ.get("DOCKER_HOST") or "its default address"
        return re.sub(r"//[^/@]*@", "//", address)

    def _answer(self, *arguments: str) -> str:
        done = self._read(*arguments)
        if done.code:
            raise self._fault(done)
        return done.out

    def _fault(self, done: Finished) -> Unreachable:
        words = _words(done.err)
        return Unreachable(self._silence() or f"the Docker engine did not answer: {words}")

    def _read(self, *arguments: str) -> Finished:
        host = ["--host", self._host] if self._host else []
        return self._run([*_program(_READ), *host, *arguments], _READ)

    def _run(self, argv: Sequence[object], timeout: float) -> Finished:
        return run([str(word) for word in argv], timeout=timeout + 2 * _GRACE)


def _program(timeout: float) -> list[str]:
    kept = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    return ["env", "-i", *kept, *_SWITCHES, "timeout", "-k", str(_GRACE), f"{timeout:g}", "docker"]


def _filters(labels: Mapping[str, str]) -> list[str]:
    # For speed only: docker takes several filters as "and", podman as "or".
    return [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]


def _words(said: str | None) -> str:
    """The engine's own words: what is no progress line, shortened."""
    lines = [line.strip() for line in (said or "").splitlines() if line[:1].strip()]
    return " ".join(lines[-3:])[-_WORDS:] or "it gave no reason"
