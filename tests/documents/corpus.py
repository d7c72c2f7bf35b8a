"""The conformance corpus, tested in place: real documents and the verdict of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parents[3] / "shared" / "conformance"
SKIP = "the conformance corpus is not at hand"

Verdict = Literal["valid", "invalid", "lenient"]


@dataclass(frozen=True)
class Document:
    """One row of the index; `lenient` is valid, and invalid by the letter."""

    name: str
    dialect: str
    expected: str
    note: str

    @property
    def data(self) -> bytes:
        return (FOLDER / self.name).read_bytes()

    @property
    def verdict(self) -> Verdict:
        """What the words of its row come to."""
        if self.expected.startswith(("valid (lenient)", "valid before rc.3")):
            return "lenient" if "lenient" in self.expected else "valid"
        # «valid 2024 dialect; invalid later» is of a document that says it is a later one.
        valid = self.expected.startswith("valid") and "2024 dialect" not in self.expected
        return "valid" if valid else "invalid"

    def __str__(self) -> str:
        return self.name


def documents() -> list[Document]:
    """Every row; none where the corpus is not at hand."""
    index = FOLDER / "INDEX.md"
    if not index.is_file():
        return []
    lines = index.read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in line.split("|")] for line in lines if line.startswith("| `")]
    return [Document(row[1].strip("`"), row[4], row[5], row[6]) for row in cells]


def main() -> None:
    """Print the table: `python -m tests.documents.corpus`."""
    from margo_gitops.documents.check import check  # noqa: PLC0415

    right = 0
    for document in documents():
        errors = [f for f in check(document.data, "document") if f.severity == "error"]
        strict = [f for f in check(document.data, "document", strict=True) if f.severity == "error"]
        found = "invalid" if errors else "lenient" if strict else "valid"
        agreed = bool(errors) == (document.verdict == "invalid")
        right += agreed and (document.verdict != "lenient" or found == "lenient")
        rules = " ".join(sorted({f.rule for f in strict})) or "-"
        print(f"{'ok' if agreed else 'NO'}\t{document}\t{document.verdict}\t{found}\t{rules}")  # noqa: T201
    print(f"{right} of {len(documents())} as the index has it")  # noqa: T201


if __name__ == "__main__":
    main()
