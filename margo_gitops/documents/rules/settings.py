"""The configuration of a description: settings, their schemas, and the defaults under them."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.unique import twice
from margo_gitops.model.secret import looks_secret
from margo_gitops.model.setting import problem, rules_problem, unusable_pattern

DANGLING_PARAMETER = Rule(
    "dangling-parameter",
    asks="A setting shows a parameter that the application has.",
    why="A person is asked for a value that goes nowhere (specification, configuration).",
    cure="Name a key of `parameters`, or add the parameter.",
)
DANGLING_SCHEMA = Rule(
    "dangling-schema",
    asks="A setting names a schema of the same configuration.",
    why="Without its schema nobody can judge a value (specification, configuration).",
    cure="Name an entry of configuration.schema, or add one.",
)
DEFAULT = Rule(
    "default",
    asks="A default keeps to the rules of its own setting.",
    why="Every deployment that does not change it is refused. Real packages ship such defaults, so"
    " the value is judged again when something is deployed (specification, validation).",
    cure="Change the default or the rule; or leave the default out, and it must be given.",
    severity="warning",
)
SCHEMA_RULES = Rule(
    "schema-rules",
    asks="The rules of a schema entry fit together and fit its data type.",
    why="minValue above maxValue, or an option of another type, is a setting that no value meets.",
    cure="Correct the entry of configuration.schema.",
)
REGEX = Rule(
    "regex",
    asks="A regexMatch can be run in linear time: no look-around, no back-references.",
    why="The pattern is a stranger's program that runs on the machines of a fleet; others take"
    " minutes on a short text. Such a pattern is not run, so the value goes unchecked.",
    cure="Write it without look-around and back-references (RE2 syntax).",
    severity="warning",
)
RULES = (DANGLING_PARAMETER, DANGLING_SCHEMA, DEFAULT, SCHEMA_RULES, REGEX)


def broken(parameters: Node, configuration: Node) -> Iterator[Fault]:
    """What is wrong with the settings, their schema entries and the defaults under them."""
    entries = configuration.at("schema")
    yield from twice(entries, "name")
    schemas = {e.at("name").text: e for e in entries.each() if e.at("name").text is not None}
    for entry in schemas.values():
        yield from _entry(entry)
    for section in configuration.at("sections").each():
        for setting in section.at("settings").each():
            yield from _setting(setting, parameters, schemas)


def _entry(entry: Node) -> Iterator[Fault]:
    for text in rules_problem(entry.object):
        yield SCHEMA_RULES.broken(entry.path, f"{entry.at('name').text}: {text}")
    if (reason := unusable_pattern(entry.object)) is not None:
        yield REGEX.broken(entry.at("regexMatch").path, reason)


def _setting(setting: Node, parameters: Node, schemas: dict[str | None, Node]) -> Iterator[Fault]:
    name, schema = setting.at("parameter"), setting.at("schema")
    entry = schemas.get(schema.text)
    if schema.text is not None and entry is None:
        known = ", ".join(sorted(str(s) for s in schemas)) or "none"
        text = f"found the schema {schema.text[:60]!r}, expected one of: {known[:200]}"
        yield DANGLING_SCHEMA.broken(schema.path, text)
    if name.text is None:
        return
    if name.text not in parameters.object:
        text = f"found {name.text[:60]!r}, which is no parameter of this application"
        yield DANGLING_PARAMETER.broken(name.path, text)
    elif entry is not None:
        yield from _default(name.text, parameters.at(name.text, "value"), entry)


def _default(name: str, value: Node, entry: Node) -> Iterator[Fault]:
    if value.value is None or isinstance(value.value, dict):
        return
    found = problem(value.value, entry.object, hide=looks_secret(name))
    if found is not None:
        yield DEFAULT.broken(value.path, f"the default of {name}: {found}")
