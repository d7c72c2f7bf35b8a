"""One command says yes or no: bare `nox` lints, type-checks and tests in clean environments."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """ruff (rules and format) and the import contracts."""
    session.install("-e", ".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, over the package and its tests."""
    session.install("-e", ".[test]", "nox")
    session.run("mypy")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Coverage-guided fuzzing of all that reads documents: five minutes, or as posargs say."""
    session.install("-e", ".[test]", "atheris")
    words = session.posargs or ["-max_total_time=300", "-rss_limit_mb=400", "-timeout=2"]
    session.run("python", "-m", "tests.documents.coverage_fuzz", *words)


@nox.session
def simulate(session: nox.Session) -> None:
    """100,000 random schedules of faults, for a night; or as posargs say."""
    session.install(".[test]")
    words = session.posargs or ["--runs", "100000", "--jobs", "2"]
    session.run("python", "-m", "tests.faults.simulate", *words)


@nox.session
def tests(session: nox.Session) -> None:
    """All that can be shown on this machine; `MARGO_REQUIRE=a,b` fails where a or b is missing."""
    session.install(".[test]")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "loadgroup"]))


@nox.session
def k8s(session: nox.Session) -> None:
    """A Kubernetes node with real pods, in a network of its own; needs root and Docker."""
    session.run("bash", ".ci/kubernetes", "node", external=True)
    session.install(".[test]")
    script = 'ip link set lo up && exec "$@"'
    words = ["unshare", "--net", "sh", "-c", script, "k8s", "pytest", "tests/k8s"]
    env = {"MARGO_K8S": "1", "MARGO_REQUIRE": "k8s,registry"}
    session.run(*words, *session.posargs, env=env, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure it all beside git, go-git and ansible-pull, and write docs/benchmarks.md."""
    session.install(".[test]")
    session.run("python", "-m", "tests.bench", *session.posargs)
