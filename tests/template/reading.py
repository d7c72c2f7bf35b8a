"""The template's CI files as jobs of shell steps: as their forge would read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TEMPLATE = Path(__file__).parents[2] / "repo-template"

FILES = {
    "github": ".github/workflows/margo.yml",
    "forgejo": ".forgejo/workflows/margo.yml",
    "gitlab": ".gitlab-ci.yml",
}

Contexts = Mapping[str, Any]
"""What an expression may name: `github`, `secrets`, `vars`, each a tree."""

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_WORD = re.compile(r"'[^']*'|[a-zA-Z_][\w.]*|==|!=|&&|\|\||!|\S")
_OPERATORS = {"&&": " and ", "||": " or ", "==": " == ", "!=": " != ", "!": " not "}
_INSTALL = re.compile(r"venv|bin/pip|Install margo")


@dataclass(frozen=True)
class Step:
    """One shell script, what the file sets for it, and the folder below the job's where it runs."""

    script: str
    env: Mapping[str, str]
    folder: str = "."


def parsed(forge: str) -> Any:
    """The file, by the rules of YAML 1.2: `on` is a word."""
    return YAML(typ="safe").load((TEMPLATE / FILES[forge]).read_text(encoding="utf-8"))


def runs(forge: str, job: str, contexts: Contexts) -> bool:
    """Whether the forge would start a job (of a workflow; GitLab's rules are its own)."""
    return bool(_value(parsed(forge)["jobs"][job]["if"], contexts))


def steps(forge: str, job: str, contexts: Contexts) -> list[Step]:
    """The steps of a job but the one that installs margo: that is on the PATH."""
    file = parsed(forge)
    if forge == "gitlab":
        return [_gitlab(file, job)]
    found = file["jobs"][job]
    env = {**file.get("env", {}), **found.get("env", {})}
    return [
        Step(
            _filled(step["run"], contexts),
            {k: _filled(v, contexts) for k, v in {**env, **step.get("env", {})}.items()},
            step.get("working-directory", "."),
        )
        for step in found["steps"]
        if not _INSTALL.search(step["name"])
    ]


def _gitlab(file: Any, job: str) -> Step:
    """GitLab runs all lines of a job as one script."""
    lines = [*file["default"]["before_script"], *file[job]["script"]]
    kept = [line for line in lines if not _INSTALL.search(line)]
    env = {**file["variables"], **file[job].get("variables", {})}
    return Step("\n".join(kept), {k: v for k, v in env.items() if not v.startswith("$")})


def _filled(text: str, contexts: Contexts) -> str:
    return _EXPRESSION.sub(lambda match: _shown(_value(match[1], contexts)), text)


def _shown(value: Any) -> str:
    return {True: "true", False: "false", None: ""}.get(value, str(value))


def _value(expression: str, contexts: Contexts) -> Any:
    """The few words of the expression language that the template uses; others are an error."""
    found: dict[str, Any] = {}
    words = []
    for word in _WORD.findall(expression):
        if word in _OPERATORS:
            words.append(_OPERATORS[word])
        elif word.startswith("'"):
            words.append(word)
        else:
            found[f"v{len(found)}"] = _looked_up(word, contexts)
            words.append(f"v{len(found) - 1}")
    return eval("".join(words), {"__builtins__": {}}, found)  # noqa: S307  # our own file's words


def _looked_up(path: str, contexts: Contexts) -> Any:
    here: Any = contexts
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here
