"""Which forge it is, and where its token goes: by the clone alone, over https alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.forges.choosing import Place, open_forge, place
from tests.store.making import git

TOKEN = "t0ken"


def choose(
    remote: str | None,
    config: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Place:
    environ = {"MARGO_FORGE_TOKEN": TOKEN} if env is None else env
    return place(remote, (config or {}).get, environ)


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/plant/fleet.git", "github https://github.com plant/fleet"),
        ("https://github.com/plant/fleet", "github https://github.com plant/fleet"),
        ("git@github.com:plant/fleet.git", "github https://github.com plant/fleet"),
        ("ssh://git@github.com/plant/fleet.git", "github https://github.com plant/fleet"),
        ("ssh://git@github.com:22/plant/fleet.git", "github https://github.com plant/fleet"),
        ("https://gitlab.com/plant/edge/fleet.git/", "gitlab https://gitlab.com plant/edge/fleet"),
        ("git@gitlab.com:plant/edge/fleet", "gitlab https://gitlab.com plant/edge/fleet"),
        ("https://codeberg.org/plant/fleet.git", "forgejo https://codeberg.org plant/fleet"),
        ("https://me:secret@github.com/plant/fleet", "github https://github.com plant/fleet"),
        ("https://GitHub.com/plant/fleet", "github https://github.com plant/fleet"),
    ],
)
def test_hosted_forges_are_known_by_their_hosts(remote: str, expected: str) -> None:
    found = choose(remote)
    assert f"{found.kind} {found.url} {found.project}" == expected
    assert "secret" not in repr(found)
    assert TOKEN not in repr(found)


def test_ones_own_forge_is_named_in_gits_config() -> None:
    config = {"margo.forge": "forgejo", "margo.forgeUrl": "https://git.example.org:3000/"}
    found = choose("ssh://git@git.example.org:2222/plant/fleet.git", config)
    assert (found.kind, found.url) == ("forgejo", "https://git.example.org:3000")
    named = choose("https://git.example.org:8443/a/b", {"margo.forge": "gitlab"})
    assert named.url == "https://git.example.org:8443"
    local = choose("http://127.0.0.1:3000/a/b", {"margo.forge": "forgejo"})
    assert local.url == "http://127.0.0.1:3000"


def test_a_mirror_is_no_forge_and_says_which_it_mirrors() -> None:
    config = {"margo.forgeUrl": "https://github.com", "margo.forgeProject": "plant/fleet"}
    assert choose("/srv/git/fleet.git", config).project == "plant/fleet"
    assert choose("https://github.com/a/b", {"margo.forgeProject": "c/d"}).project == "c/d"


@pytest.mark.parametrize(
    ("remote", "config", "words"),
    [
        (None, {}, "no remote"),
        ("/srv/git/fleet.git", {}, "is no forge"),
        ("../fleet", {}, "is no forge"),
        ("file:///srv/fleet", {}, "is no forge"),
        ("fleet.bundle", {}, "is no forge"),
        ("https://git.example.org/plant/fleet", {}, "what kind of forge"),
        ("https://github.com.evil.example/plant/fleet", {}, "what kind of forge"),
        ("http://github.com/plant/fleet", {}, "not asked over https"),
        ("git://git.example.org/a/b", {"margo.forgeUrl": "http://git.example.org"}, "what kind"),
        ("https://github.com/plant/fleet", {"margo.forge": "gerrit"}, "expected one of"),
        ("https://github.com/plant", {}, "names no project"),
        ("https://github.com/a/b/c", {}, "names no project"),
        ("https://github.com/../fleet", {}, "names no project"),
        ("https://gitlab.com/a/b%2f..%2f..%2fc", {}, "names no project"),
        ("https://github.com/a/b?x=y", {"margo.forgeUrl": "https://u:p@h"}, "what kind|more than"),
        ("https://github.com/a/b", {"margo.forgeUrl": "https://me@github.com"}, "more than"),
        ("https://[::1", {}, "is no forge"),
        ("https://github.com:port/a/b", {}, "is no forge"),
    ],
)
def test_what_is_none(remote: str | None, config: Mapping[str, str], words: str) -> None:
    with pytest.raises(Stalled, match=words) as caught:
        choose(remote, config)
    assert caught.value.help


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_any_url_and_setting(remote: str, kind: str, url: str) -> None:
    """Whatever a config says: a place that is asked over https, or a reason."""
    try:
        found = choose(remote, {"margo.forge": kind, "margo.forgeUrl": url} if kind else {})
    except MargoError:
        return
    assert found.url.startswith("https://")


def test_the_token_of_that_kind_and_its_own_first() -> None:
    known = {"GITHUB_TOKEN": "g", "GITLAB_TOKEN": "l", "FORGEJO_TOKEN": "f"}
    for remote, token in (("github.com", "g"), ("gitlab.com", "l"), ("codeberg.org", "f")):
        assert choose(f"https://{remote}/a/b", env=known).token == token
        both = {**known, "MARGO_FORGE_TOKEN": "own"}
        assert choose(f"https://{remote}/a/b", env=both).token == "own"
    with pytest.raises(Stalled, match="no token"):
        choose("https://github.com/a/b", env={"GITLAB_TOKEN": "l"})
    with pytest.raises(Stalled, match="is none") as caught:
        choose("https://github.com/a/b", env={"GITHUB_TOKEN": "two\nlines"})
    assert "two" not in str(caught.value)


def test_no_file_of_the_repository_names_the_place(tmp_path: Path) -> None:
    """A proposal could change it: no file of ours, no .env, no git config that lies there."""
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "https://github.com/plant/fleet")
    (tmp_path / "fleet.yaml").write_text("forge: {url: https://evil.example}\n")
    (tmp_path / ".gitconfig").write_text("[margo]\nforgeUrl = https://evil.example\n")
    (tmp_path / ".env").write_text("BASE_URL=https://evil.example\nHTTPS_PROXY=http://evil\n")
    said = _run(
        tmp_path,
        "import os; from margo_gitops.roles.telling import place_of;"
        "from margo_gitops.store.git import GitStore;"
        "from pathlib import Path; store = GitStore.open(Path('.'));"
        "print(place_of(store, {'MARGO_FORGE_TOKEN': 'x'}).url); store.close()",
    )
    assert said == "https://github.com"


def test_pyforgejo_reads_no_env_file(tmp_path: Path) -> None:
    """It would, of every folder above itself: of a fleet, where its environment lies in one."""
    import pyforgejo  # noqa: PLC0415

    library = tmp_path / "lib"
    library.mkdir()
    (library / "pyforgejo").symlink_to(Path(pyforgejo.__file__).parent)
    (tmp_path / ".env").write_text("HTTPS_PROXY=http://evil.example\n")
    show = "import os; print(os.environ.get('HTTPS_PROXY'))"
    path = f"import sys; sys.path.insert(0, {str(library)!r});"
    assert (
        _run(tmp_path, f"{path} from pyforgejo import PyforgejoApi; {show}")
        == "http://evil.example"
    )
    assert _run(tmp_path, f"{path} import margo_gitops.forges.forgejo; {show}") == "None"


def test_without_the_extra(tmp_path: Path) -> None:
    """The clients are not there: it is said how to get them; nothing else needs them."""
    said = _run(
        tmp_path,
        "import sys; sys.modules.update(dict.fromkeys(('github', 'gitlab', 'httpx')));"
        "from margo_gitops.forges.choosing import Place, open_forge;"
        "from margo_gitops.errors import Stalled\n"
        "for kind in ('github', 'gitlab', 'forgejo'):\n"
        "    try: open_forge(Place(kind, 'https://x', 'a/b', 'x'))\n"
        "    except Stalled as error: print(error.help)\n",
    )
    assert said.splitlines() == ["pip install 'margo-gitops[forge]'"] * 3


def test_each_kind_is_opened() -> None:
    for kind in ("github", "gitlab", "forgejo"):
        found = open_forge(Place(kind, "https://git.example.org", "a/b", TOKEN))
        assert found.name.lower() == kind


def _run(folder: Path, code: str) -> str:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home")}
    script = folder / "script.py"  # with -c libraries take it for an interactive session
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
