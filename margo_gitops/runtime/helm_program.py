"""helm and kubectl as programs: every call bounded, and what they say sorted into our errors."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from margo_gitops.errors import Failing, Invalid, MargoError, Stalled, Unreachable
from margo_gitops.process import OUTPUT_LIMIT, Finished, run

K3S = Path("/etc/rancher/k3s/k3s.yaml")

_READ, _CHANGE = 30.0, 120.0
_MORE = 30.0
_HISTORY = 3
_WORDS = 2000
_GONE = re.compile(
    r"cluster unreachable|connection refused|unable to connect to the server|i/o timeout"
    r"|the connection to the server|TLS handshake timeout|no route to host|connection reset",
    re.IGNORECASE,
)
_SHUT_OUT = re.compile(r"is forbidden|unauthorized|you must be logged in", re.IGNORECASE)
_ABSENT = re.compile(r"not ?found", re.IGNORECASE)
_STAMP = re.compile(r"^[EFIW][0-9]{4} [0-9:.]+ +[0-9]+ [^ \]]+\] ")


@dataclass(frozen=True, slots=True)
class Release:
    """The newest revision of a release, as the cluster holds it."""

    namespace: str
    name: str
    status: str
    revision: int
    deployment: str


class Cluster:
    """The cluster of a kubeconfig; None is what helm takes for default, else k3s's own.

    Every method raises `Unreachable` where it does not answer, and `Stalled` where it does not let
    us.
    """

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._kubeconfig = kubeconfig

    @cached_property
    def _as_ours(self) -> list[str]:
        """Helm 4 has the server apply, which minds who changed a field last: we take it back."""
        version = self._must("helm", "version", "--template", "{{.Version}}")
        return [] if version.startswith(("v2.", "v3.")) else ["--force-conflicts"]

    def problem(self) -> str | None:
        """None if helm, kubectl and the cluster answer, else why not."""
        for program in ("helm", "kubectl"):
            if shutil.which(program) is None:
                return f"{program} is not installed"
        try:
            self.kubectl("get", "--raw", "/version")
        except MargoError as error:
            return error.problem
        return None

    def releases(self, labels: Mapping[str, str], shown: str) -> list[Release]:
        """The newest revision of every release with these labels; `shown` is a label of the ids."""
        columns = ",".join(("name", "status", "version", shown))
        words = ("secrets", "-A", "-l", _selector({"owner": "helm", **labels}), "-L", columns)
        found: dict[tuple[str, str], Release] = {}
        for line in self.kubectl("get", *words, "--no-headers").splitlines():
            namespace, *_, name, status, version, deployment = line.split()
            release = Release(namespace, name, status, int(version), deployment)
            held = found.get((namespace, name))
            if held is None or held.revision < release.revision:
                found[namespace, name] = release
        return list(found.values())

    def render(
        self, release: str, chart: Path, namespace: str, values: Path, *, alone: bool = False
    ) -> str:
        """The chart's objects as they would be installed; `Invalid` where it does not render.

        `alone` asks no cluster: what charts look up there is then empty.
        """
        words = ["template", release, str(chart), "--namespace", namespace, "--skip-tests"]
        words += ["--values", str(values), *([] if alone else ["--dry-run=server"])]
        done = self._run("helm", words, timeout=_READ)
        if done.code:
            raise self._fault(done, Invalid(f"helm does not render it: {_last(done.err)}"))
        if len(done.out) >= OUTPUT_LIMIT:
            raise Invalid(f"the chart renders to more than {OUTPUT_LIMIT >> 20} MiB")
        return done.out

    def upgrade(
        self,
        release: str,
        chart: Path,
        namespace: str,
        labels: Mapping[str, str],
        *,
        wait: float | None,
    ) -> None:
        """Install or upgrade; with `wait`, wait so many seconds for it to be ready.

        Raises `Failing` with helm's words; the release is then failed, or as it was.
        """
        timeout = _CHANGE if wait is None else wait
        words = ["upgrade", release, str(chart), "--install", "--namespace", namespace]
        words += ["--create-namespace", "--history-max", str(_HISTORY), "--hide-notes"]
        words += ["--labels", _selector(labels), "--timeout", f"{int(timeout)}s"]
        words += [] if wait is None else ["--wait", "--wait-for-jobs"]
        words += self._as_ours
        done = self._run("helm", words, timeout=timeout + _MORE)
        if done.code:
            raise self._fault(done, Failing(_last(done.err)))

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        """Back to a revision that was deployed; `Failing`."""
        words = ("rollback", release, str(revision), "--namespace", namespace)
        self._must("helm", *words, "--history-max", str(_HISTORY), *self._as_ours)

    def uninstall(self, release: str, namespace: str) -> None:
        """Remove all that it installed; quiet where there is none. Raises `Failing`."""
        words = ("uninstall", release, "--namespace", namespace, "--ignore-not-found")
        self._must("helm", *words, "--timeout", f"{int(_CHANGE)}s")

    def history(self, release: str, namespace: str) -> list[tuple[int, str]]:
        """Revisions and their statuses, oldest first."""
        words = ("history", release, "--namespace", namespace, "--output", "json")
        found = json.loads(self._must("helm", *words))
        return [(int(item["revision"]), str(item["status"])) for item in found]

    def manifest(self, release: str, namespace: str) -> str:
        """What was installed last."""
        return self._must("helm", "get", "manifest", release, "--namespace", namespace)

    def differs(self, manifest: str, namespace: str) -> bool:
        """Whether the live objects are not what the manifest makes them."""
        words = ("diff", "--namespace", namespace, "--filename", "-")
        done = self._run("kubectl", words, timeout=_READ, input=manifest)
        if done.code > 1:
            raise self._fault(done, Failing(_last(done.err)))
        return done.code == 1

    def last_words(self, kind: str, name: str, namespace: str, tail: int) -> list[str]:
        """The last lines of the pods that an object has now, the newest pod last."""
        lines: list[str] = []
        with suppress(Failing):
            for pod in self._pods(kind, name, namespace):
                words = ("logs", pod, "--all-containers", "--tail", str(tail))
                with suppress(Failing):  # one that has not begun has said nothing
                    lines += self.kubectl(*words, "--namespace", namespace).splitlines()
        return lines

    def _pods(self, kind: str, name: str, namespace: str) -> list[str]:
        """Those that are not being taken away, oldest first."""
        if kind == "pod":
            return [name]
        get = ("get", "--namespace", namespace, "--output", "json")
        selector = json.loads(self.kubectl(*get, kind, name))["spec"]["selector"]["matchLabels"]
        pods = json.loads(self.kubectl(*get, "pods", "--selector", _selector(selector)))["items"]
        known = [pod["metadata"] for pod in pods]
        known.sort(key=lambda meta: meta["creationTimestamp"])
        return [str(meta["name"]) for meta in known if "deletionTimestamp" not in meta]

    def kubectl(self, *words: str, input: str = "") -> str:
        """What `kubectl` prints; `Failing` with its words where it cannot."""
        return self._must("kubectl", *words, input=input)

    def _must(self, program: str, *words: str, input: str = "") -> str:
        done = self._run(program, words, timeout=_CHANGE + _MORE, input=input)
        if done.code:
            raise self._fault(done, Failing(f"{program} {words[0]}: {_last(done.err)}"))
        return done.out

    def _run(
        self, program: str, words: Sequence[str], *, timeout: float, input: str = ""
    ) -> Finished:
        config = self._kubeconfig or _default()
        which = [] if config is None else ["--kubeconfig", str(config)]
        return run([program, *which, *words], timeout=timeout, input=input)

    def _fault(self, done: Finished, otherwise: MargoError) -> MargoError:
        if _GONE.search(done.err):
            return Unreachable(f"the cluster does not answer: {_last(done.err)}")
        if _SHUT_OUT.search(done.err):
            return Stalled(
                f"the cluster does not let this node do it: {_last(done.err)}",
                then="what runs goes on running",
                help="docs/helm.md has the rights that it needs",
            )
        return otherwise


def is_absent(error: MargoError) -> bool:
    """True where a program's words say that something is not there."""
    return _ABSENT.search(error.problem) is not None


def _default() -> Path | None:
    given = "KUBECONFIG" in os.environ or (Path.home() / ".kube" / "config").exists()
    return K3S if not given and K3S.exists() else None


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _last(words: str) -> str:
    """The end of what was said, in the same words each time it is the same.

    Helm repeats itself, the cause stands last; kubectl puts time and process before its own log.
    """
    lines = [_STAMP.sub("", line.strip()) for line in words.splitlines()]
    return " ".join(dict.fromkeys(filter(None, lines)))[-_WORDS:]
