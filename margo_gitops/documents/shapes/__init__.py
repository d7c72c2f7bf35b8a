"""The shape of every Margo document in every dialect, as data; JSON Schemas are made from it. Pure.

Each module is one kind or what kinds share. The shapes keep to the letter of their dialect; what
real documents write beside it is said by the rules, not here (DESIGN section 4).
"""

from margo_gitops.documents.shapes.schema import picking, schema_of

__all__ = ["picking", "schema_of"]
