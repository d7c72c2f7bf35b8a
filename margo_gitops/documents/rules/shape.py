"""What the schemas ask, as rules: one for each way in which a document can have another shape."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents.rule import Rule

_LETTER = "The schema of this kind and dialect, in schemas/, which follows the specification's text"

MISSING_FIELD = Rule(
    "missing-field",
    asks="A required field is there.",
    why=f"{_LETTER}; a reader of another make refuses the document or guesses.",
    cure="Add the field; an editor that knows the schema offers it.",
)
UNKNOWN_FIELD = Rule(
    "unknown-field",
    asks="Every field is one that the dialect has.",
    why=f"{_LETTER}. A misspelt field is one that nobody reads. Extensions are named"
    " x-<name>-extensions; other fields are kept as they are, and ignored.",
    cure="Correct the name, or move it into an extension.",
    severity="warning",
    lenient=True,
)
WRONG_TYPE = Rule(
    "wrong-type",
    asks="A value is of the type that its field asks for.",
    why=f"{_LETTER}. In YAML 1.2 a bare 1.0 is a number and a bare on is text.",
    cure="Put text that looks like a number in quotes; take the quotes off numbers and booleans.",
)
WRONG_FORM = Rule(
    "wrong-form",
    asks="Text has the form that its field asks for.",
    why=f"{_LETTER}: ids, units, digests and addresses are compared letter by letter.",
    cure="Write it as the message shows.",
)
NOT_ALLOWED = Rule(
    "not-allowed",
    asks="A value is one of those that its field allows.",
    why=f"{_LETTER}; the words differ between dialects (helm.v3 in B, helm in C and D).",
    cure="Use one of the listed values, or another dialect for the whole document.",
)
OUT_OF_RANGE = Rule(
    "out-of-range",
    asks="Numbers and lengths are within the bounds of their field.",
    why=f"{_LETTER}.",
    cure="Choose a value inside the bounds.",
)
RULES = (*(MISSING_FIELD, UNKNOWN_FIELD, WRONG_TYPE, WRONG_FORM, NOT_ALLOWED, OUT_OF_RANGE),)

OF_KEYWORD: Mapping[str, Rule] = {
    **dict.fromkeys(["required", "dependentRequired", "minProperties"], MISSING_FIELD),
    "additionalProperties": UNKNOWN_FIELD,
    "type": WRONG_TYPE,
    **dict.fromkeys(["pattern", "format", "propertyNames"], WRONG_FORM),
    **dict.fromkeys(["enum", "const", "anyOf", "oneOf", "contains"], NOT_ALLOWED),
    **dict.fromkeys(
        [
            *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
            *("minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
        ],
        OUT_OF_RANGE,
    ),
}
"""JSON Schema keyword to the rule that a fault of it breaks."""
