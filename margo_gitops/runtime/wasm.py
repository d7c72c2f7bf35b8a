"""The driver of WebAssembly components: one folder and one supervised process each.

`ROOT/<deployment id>/<component>/` is all there is to know of a component (see `wasm_spec`), and
`ROOT/cache/` holds compiled modules. Observing reads these folders and asks each lock whether its
supervisor lives, so neither an agent's death nor the loss of its own state loses a workload.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Failing, Invalid, Missing, Stalled, Unreachable
from margo_gitops.model.application import ProfileType
from margo_gitops.process import run
from margo_gitops.runtime import wasm_folder
from margo_gitops.runtime.base import ComponentSpec, Observed, Owner, Workload
from margo_gitops.runtime.wasm_settings import check_program, environment, settings
from margo_gitops.runtime.wasm_spec import Spec, read_spec

_CACHE = "cache"
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LOAD = 60.0
_NOT_VALID, _NOT_READ = 1, 2


class WasmDriver:
    """Runs components of type `custom`: modules of WASI preview 1, components of preview 2.

    `root` is a folder of this driver's own, made where it is missing. Implements `Driver`.
    """

    type = ProfileType.CUSTOM
    name = "wasm"

    def __init__(self, root: Path, owner: Owner) -> None:
        self._root = root.absolute()
        self._owner = f"{owner.fleet}/{owner.site}/{owner.node}"

    def available(self) -> str | None:
        """None if wasmtime can be loaded here, else why not; found out once per driver."""
        return self._problem

    def observe(self) -> Sequence[Observed]:
        """Every deployment of this owner; its origin is empty where its components' differ.

        Raises `Unreachable` where the folders cannot be read.
        """
        with self._reading():
            return [
                self._observed(mine)
                for folder in _folders(self._root)
                if _ID.fullmatch(folder.name) and (mine := self._mine(folder))
            ]

    def apply(self, workload: Workload) -> None:
        """Make exactly these components run, in order; a job that ended stays as it ended.

        All is checked and compiled before anything is touched, so what can never run (`Invalid`)
        leaves what runs alone. Raises `Failing` where a component ends at its start or needs longer
        than its timeout, `Invalid` where a job failed, `Stalled` where another owner has the id.
        """
        specs = self._specs(workload)
        folder = self._folder(workload.id)
        with self._writing():
            self._refuse_stranger(folder)
            changed = [s for s in specs if not wasm_folder.settled(folder / s.component, s)]
            for component, spec in zip(workload.components, specs, strict=True):
                if spec in changed:
                    self._prepare(component, spec)
            dropped = self._drop(folder, keep={spec.component for spec in specs})
            for component, spec in zip(workload.components, specs, strict=True):
                if spec in changed:
                    wasm_folder.start(folder / spec.component, spec)
                if component.wait:
                    wasm_folder.await_start(folder / spec.component, spec, component.timeout)
            if changed or dropped:
                self._prune()

    def remove(self, deployment_id: str) -> None:
        """Stop it and leave nothing of it; quiet where there is nothing, or a stranger's."""
        folder = self._folder(deployment_id)
        with self._writing():
            if self._stranger(folder):
                return
            if folder.is_dir():
                self._drop(folder, keep=())
                folder.rmdir()
            self._prune()  # also where a start was cut short before it made the folder

    def logs(self, deployment_id: str, component: str, tail: int = 100) -> str:
        """The component's last lines of output; empty where there is none or it is not ours."""
        folder = self._folder(deployment_id)
        with self._reading():
            for spec in self._mine(folder):
                if spec.component == component:
                    return wasm_folder.tail(folder / component, tail)
        return ""

    @cached_property
    def _problem(self) -> str | None:
        # In a process of its own: loaded here, wasmtime would stay in the agent's memory.
        done = run([sys.executable, "-c", "import wasmtime"], timeout=_LOAD)
        if done.code == 0:
            return None
        said = done.err.strip().splitlines() or ["it ended without a word"]
        return f"wasmtime cannot be loaded: {said[-1]}"

    @cached_property
    def _version(self) -> str:
        try:
            return version("wasmtime")
        except PackageNotFoundError:
            return "none"

    def _folder(self, deployment_id: str) -> Path:
        if _ID.fullmatch(deployment_id):
            return self._root / deployment_id
        raise Invalid(f"found deployment id {deployment_id[:80]!r}, expected a UUID")

    def _specs(self, workload: Workload) -> list[Spec]:
        names = [component.name for component in workload.components]
        for name in names:
            if not _NAME.fullmatch(name) or names.count(name) > 1:
                raise Invalid(
                    f"component name {name[:80]!r} of {workload.name}: expected letters, digits,"
                    " dots, dashes and underscores, at most 63, and each name once"
                )
        return [self._spec(workload, *item) for item in enumerate(workload.components)]

    def _spec(self, workload: Workload, position: int, component: ComponentSpec) -> Spec:
        asked = settings(component)
        compiled = f"{component.digest[7:]}-{self._version}{'-fuel' if asked.fuel else ''}"
        spec = Spec(
            identity="",
            owner=self._owner,
            id=workload.id,
            name=workload.name,
            origin=workload.origin,
            component=component.name,
            position=position,
            digest=component.digest,
            artifact="",
            compiled="",
            job=asked.job,
            args=list(asked.args),
            environment=environment(component),
            directories=dict(asked.directories),
            memory=asked.memory,
            fuel=asked.fuel,
        )
        return spec._replace(
            identity=canonical.digest(canonical.dumps(spec._asdict())),
            artifact=str(component.artifact.absolute()),
            compiled=str(self._root / _CACHE / compiled),
        )

    def _prepare(self, component: ComponentSpec, spec: Spec) -> None:
        """Compile, in a process of its own that frees its memory, what is not compiled yet."""
        check_program(component)
        if problem := self.available():
            raise Stalled(f"no component can run: {problem}", help="margo doctor")
        compiled = Path(spec.compiled)
        if compiled.exists():
            return
        for folder in (self._root, compiled.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arguments = [spec.artifact, spec.digest, spec.compiled, str(spec.fuel)]
        argv = [sys.executable, "-m", "margo_gitops.runtime.wasm_compile", *arguments]
        done = run(argv, timeout=component.timeout, cwd=wasm_folder.HOME)
        told = f"component {component.name} of {spec.name}"
        if done.code == _NOT_VALID:
            raise Invalid(f"{told} is no valid WebAssembly: {done.out}")
        if done.code == _NOT_READ:
            raise Missing(f"the artifact of {told} is not what was verified: {done.out}")
        if done.code:
            raise Failing(f"{told} was not compiled: the compiler ended with code {done.code}")

    def _mine(self, folder: Path) -> list[Spec]:
        return sorted(
            (spec for spec in _specs_in(folder) if spec.owner == self._owner),
            key=lambda spec: spec.position,
        )

    def _observed(self, specs: Sequence[Spec]) -> Observed:
        first = specs[0]
        components = (
            wasm_folder.observe(self._root / spec.id / spec.component, spec) for spec in specs
        )
        same = all(spec.origin == first.origin for spec in specs)
        return Observed(first.id, first.name, first.origin if same else "", tuple(components))

    def _stranger(self, folder: Path) -> str | None:
        owners = (spec.owner for spec in _specs_in(folder))
        return next((owner for owner in owners if owner != self._owner), None)

    def _refuse_stranger(self, folder: Path) -> None:
        if owner := self._stranger(folder):
            raise Stalled(
                f"deployment {folder.name} is run here by {owner}, expected {self._owner}: two"
                " agents share one state folder",
                then="nothing is touched",
            )

    def _drop(self, folder: Path, *, keep: Collection[str]) -> bool:
        dropped = [child for child in _folders(folder) if child.name not in keep]
        wasm_folder.stop(*dropped)
        for child in dropped:
            wasm_folder.delete(child)
        return bool(dropped)

    def _prune(self) -> None:
        """Forget the compiled modules that no component names any more."""
        specs = (spec for folder in _folders(self._root) for spec in _specs_in(folder))
        used = {Path(spec.compiled).name for spec in specs}
        with suppress(FileNotFoundError):
            for file in (self._root / _CACHE).iterdir():
                if file.name not in used:
                    file.unlink(missing_ok=True)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unreachable(
                f"the workloads under {self._root} cannot be read: {error.strerror}"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            what = "the disk is full" if full else f"{error.filename}: {error.strerror}"
            raise Stalled(
                f"{self._root} cannot be written: {what}",
                then="what runs goes on running; it is tried again at the next pass",
                help=f"df {self._root}",
            ) from error


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _specs_in(folder: Path) -> Iterator[Spec]:
    for child in _folders(folder):
        spec = read_spec(child)
        if spec is not None and (spec.id, spec.component) == (folder.name, child.name):
            yield spec
