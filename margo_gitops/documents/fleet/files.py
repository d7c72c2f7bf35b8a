"""Files that no rule can read: links, folders in a file's place, too many bytes."""

from __future__ import annotations

from margo_gitops.documents.rule import Rule

SYMLINK = Rule(
    id="symlink",
    asks="A repository of documents holds plain files: no symbolic links, no submodules.",
    why=(
        "What a link shows depends on the machine that reads it, and may lie outside the"
        " repository; the same commit would mean two things (DESIGN section 2)."
    ),
    cure="Remove the link and put a copy of the file in its place.",
)
TOO_LARGE = Rule(
    id="too-large",
    asks="A document has at most 1 MiB.",
    why="Every byte is read before it is trusted; a larger file is refused unread.",
    cure="Split the document, or move what is no document below a package's resources/.",
)
UNREADABLE = Rule(
    id="unreadable",
    asks="What stands where a document is expected is a plain file that can be read.",
    why="A folder, a pipe or a file without read permission cannot be checked, so it cannot pass.",
    cure="Look at it with ls -l; rename it, or give yourself the right to read it.",
)

RULES = (SYMLINK, TOO_LARGE, UNREADABLE)
