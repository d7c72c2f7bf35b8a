"""The process around one wasm component: it outlives the agent, and restarts what ends.

    python -m margo_gitops.runtime.supervisor FOLDER

takes the folder's lock, goes to the background still holding it and runs what `spec.json` says
(see `wasm_spec`). So when the call returns with 0, the lock is held: nobody sees a gap. A service
that ends is started again, after one second at first and at most one minute; a job runs once.
SIGTERM ends the module and the process; so does the loss of the folder, which leaves no orphan.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from wasmtime import WasmtimeError

from margo_gitops.runtime.wasm_compile import reason
from margo_gitops.runtime.wasm_program import Outcome, Runner
from margo_gitops.runtime.wasm_spec import (
    LOCK,
    LOCK_HELD,
    LOG,
    STATE,
    Phase,
    Record,
    Spec,
    hold,
    read_spec,
    save,
)

LOG_LIMIT = 256 << 10
"""Bytes in `log` before it becomes `log.1`; so twice this is kept at most."""

FIRST_DELAY, LONGEST_DELAY, LONG_LIFE = 1.0, 60.0, 60.0
"""Seconds: the first back-off, the longest, and the life after which it begins anew."""

_END = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WORKER_ENDED = signal.SIGUSR1
_LOOK = 2.0
_GRACE = 0.1
_NICE = 5


def next_delay(before: float, lived: float) -> float:
    """How long to wait before the next start, after a life of `lived` seconds."""
    if before == 0.0 or lived >= LONG_LIFE:
        return FIRST_DELAY
    return min(before * 2, LONGEST_DELAY)


class Log:
    """The component's output: appended, turned over once, and never a reason to stop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def __call__(self, data: bytes) -> int:
        """Keep `data`; what does not fit on the disk is lost. Returns its length."""
        try:
            if self._size + len(data) > LOG_LIMIT:
                with suppress(FileNotFoundError):
                    self._path.replace(self._path.with_name(f"{LOG}.1"))
                self._open()
            self._size += os.write(1, data[:LOG_LIMIT])
        except OSError:
            pass  # a full disk costs the output, not the workload
        return len(data)

    def note(self, text: str) -> None:
        """One line of the supervisor's own."""
        self(f"[margo] {text}\n".encode())

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(descriptor).st_size
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)


class Supervisor:
    """The lives of one module; `live` is run by a thread of its own."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        self._folder = folder
        self._spec = spec
        self._log = Log(folder / LOG)
        self._stop = threading.Event()
        self._runner: Runner | None = None
        self._restarts = 0
        self._record(Phase.STARTING)

    def live(self) -> None:
        """Run the module until it is done for good, or `stop` was called."""
        try:
            if self._spec.job:
                self._job()
            else:
                self._service()
        finally:
            signal.pthread_kill(threading.main_thread().ident or 0, _WORKER_ENDED)

    def stop(self) -> None:
        """End the module, and let no other life begin."""
        self._stop.set()
        if self._runner:
            self._runner.interrupt()

    def _job(self) -> None:
        outcome = self._run()
        if outcome.code is None and self._stop.is_set():
            return  # killed half-way: the record goes on saying that it runs
        self._record(Phase.FAILED if outcome.error else Phase.COMPLETED, outcome)

    def _service(self) -> None:
        delay = 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            outcome = self._run()
            if self._stop.is_set():
                return
            delay = next_delay(delay, time.monotonic() - began)
            self._restarts += 1
            error = outcome.error or "exited with code 0, expected a service to go on"
            again = outcome._replace(error=f"{error}; it starts again after {delay:g} s")
            self._record(Phase.BACKOFF, again)
            self._stop.wait(delay)

    def _run(self) -> Outcome:
        try:
            self._runner = self._runner or Runner(self._spec, self._folder, self._stop)
            return self._runner.run(self._log, lambda: self._record(Phase.RUNNING))
        except (WasmtimeError, ValueError, OSError) as fault:
            return Outcome(None, reason(fault))

    def _record(self, phase: Phase, outcome: Outcome | None = None) -> None:
        code, error = outcome or (None, "")
        self._log.note(f"{phase}{error and ': '}{error}")
        identity, origin = self._spec.identity, self._spec.origin
        record = Record(phase, identity, origin, os.getpid(), self._restarts, code, error)
        with suppress(OSError):  # a full disk must not end what runs
            save(self._folder / STATE, record)


def main(argv: list[str]) -> int:
    """Go to the background and supervise; exit code 0 says that the lock is held there."""
    folder = Path(argv[0])
    try:
        spec, lock = read_spec(folder), hold(folder)
    except OSError as fault:
        sys.stderr.write(f"{folder} cannot be supervised: {fault.strerror}")
        return 1
    if spec is None:
        sys.stderr.write(f"{folder} holds no readable spec")
        return 1
    if lock is None:
        return LOCK_HELD
    if os.fork() == 0:
        _leave()
        _watch(Supervisor(folder, spec), folder / LOCK, lock)
    os._exit(0)


def _leave() -> None:
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.umask(0o077)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_END, _WORKER_ENDED})


def _watch(supervisor: Supervisor, path: Path, lock: int) -> None:
    worker = threading.Thread(target=supervisor.live, daemon=True)
    worker.start()
    while worker.is_alive():
        signalled = signal.sigtimedwait({*_END, _WORKER_ENDED}, _LOOK)
        if (signalled and signalled.si_signo in _END) or not _holds(path, lock):
            supervisor.stop()
            worker.join(_GRACE)  # a host call, a long sleep, is not interrupted: the process ends
            return
        if signalled:
            worker.join()


def _holds(path: Path, lock: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(lock))
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
