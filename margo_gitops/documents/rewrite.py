"""A document with another meaning, and every byte that did not have to change as it was."""

from __future__ import annotations

from margo_gitops.documents import codecs, margo
from margo_gitops.documents.codecs import Model
from margo_gitops.documents.edit import edit
from margo_gitops.errors import Invalid


def rewrite(data: bytes, after: Model, *, where: str = "the document") -> bytes:
    """The document `data`, changed to say what `after` says.

    `after` is the model that `data` was read as, with changes. Comments, quotes, order and
    spellings of all else stay. Raises `Invalid` where `data` cannot be read, where the change
    cannot be made in place, and where the document's dialect has no room for it.
    """
    document = margo.read(data, where)
    before, wanted = (
        codecs.encode(document.kind, document.dialect, model) for model in (document.model, after)
    )
    changed = edit(data, before, wanted, where=where)
    if margo.read(changed, where).model != after:
        raise Invalid(
            f"{where}: the change has no place in dialect {document.dialect}, or its field is"
            " written under an old name",
            help="edit the file by hand",
        )
    return changed
