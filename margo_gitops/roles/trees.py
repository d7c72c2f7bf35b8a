"""Which tree a path belongs to, and checking it there: a fleet, an application, a site, or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from margo_gitops.documents.findings import Finding
from margo_gitops.documents.fleet import Layout, View
from margo_gitops.errors import Invalid, Usage
from margo_gitops.roles.checking import CACHE, Checker, Options, Progress, changed, silent
from margo_gitops.store import index
from margo_gitops.store.folder import WorkTree, folder_tree
from margo_gitops.store.index import GitTree
from margo_gitops.store.verdicts import Verdicts

_MARKS = {Layout.FLEET: "fleet.yaml", Layout.APP: "margo.yaml"}


@dataclass(slots=True)
class Tree:
    """A tree and what of it was asked for, by paths relative to it; nothing chosen means all."""

    root: Path
    layout: Layout
    chosen: set[str] = field(default_factory=set)
    whole: bool = False

    def takes(self, path: str) -> bool:
        """Whether a file is, or lies below, one of the chosen paths."""
        if self.whole:
            return True
        parts = path.split("/")
        return any("/".join(parts[:end]) in self.chosen for end in range(1, len(parts) + 1))


def trees_of(paths: Iterable[Path], layout: Layout | None) -> list[Tree]:
    """The trees that hold these paths, each once; `layout` None lets the files tell.

    A path without a tree of its own is its own tree: a folder, or a file beside nothing.
    """
    found: dict[tuple[Path, Layout], Tree] = {}
    for path in paths:
        root, kind = _root(Path(os.path.abspath(path)), layout)  # noqa: PTH100  # follows no link
        tree = found.setdefault((root, kind), Tree(root, kind))
        name = os.path.relpath(path, root)
        tree.whole |= name == "."
        tree.chosen.add(name)
    return list(found.values())


def check_tree(tree: Tree, options: Options, progress: Progress = silent) -> list[Finding]:
    """What stands on the disk; in a clone also against its last commit, with kept verdicts.

    The findings' paths begin where this process stands.
    """
    _require_present(tree)
    git = None if tree.layout is Layout.NONE else index.git_folder(tree.root)
    view: View = _listed(tree) if git is None else index.work_tree(tree.root)
    if git is not None and not _holds(view, tree.layout):
        git, view = None, _listed(tree)
    checker = Checker(Verdicts(git and git / CACHE), options, progress)
    head = None if git is None else index.revision(tree.root, "HEAD")
    chosen = None if tree.whole else tree.takes
    if head is None:
        return _from_here(tree, checker.check(view, tree.layout, chosen=chosen))
    with closing(index.commit_tree(tree.root, head)) as before:
        tagged = tree.layout is Layout.APP and not any(changed(view, before))
        tags = index.tags_at(tree.root, head) if tagged else ()
        findings = checker.check(view, tree.layout, before=before, chosen=chosen, tags=tags)
    return _from_here(tree, findings)


def check_staged(
    tree: Tree,
    options: Options,
    environment: Mapping[str, str],
    progress: Progress = silent,
) -> list[Finding]:
    """What the next commit would hold: findings of what it changes and of what that breaks.

    Chosen paths are checked besides. Where `PRE_COMMIT_FROM_REF` and `PRE_COMMIT_TO_REF` name
    commits, what lies between them is checked instead, as pre-commit asks for in CI and at a push.
    Raises `Usage` outside git.
    """
    git = index.git_folder(tree.root)
    if git is None:
        raise Usage(f"--index needs a git repository, and {tree.root} is in none")
    view, base, tags = _staged(tree, environment)
    given = replace(tree, whole=False)
    checker = Checker(Verdicts(git / CACHE), options, progress)
    with closing(view), closing(base):
        different = set(changed(view, base))
        findings = checker.check(
            view,
            tree.layout,
            before=base,
            chosen=lambda path: path in different or given.takes(path),
            tags=tags,
        )
    return _from_here(tree, findings)


def _staged(tree: Tree, environment: Mapping[str, str]) -> tuple[GitTree, GitTree, tuple[str, ...]]:
    """What is to be checked, what it began from, and the tags of what is checked."""
    root = tree.root
    source, target = (environment.get(f"PRE_COMMIT_{end}_REF") for end in ("FROM", "TO"))
    commit = index.revision(root, target) if source and target else None
    if commit is None or not source:
        return index.index_tree(root), _at(root, index.revision(root, "HEAD")), ()
    begun = index.revision(root, source)
    base = None if begun is None else index.fork_point(root, begun, commit) or begun
    return index.commit_tree(root, commit), _at(root, base), index.tags_at(root, commit)


def _at(root: Path, commit: str | None) -> GitTree:
    return index.NOTHING if commit is None else index.commit_tree(root, commit)


def _root(path: Path, layout: Layout | None) -> tuple[Path, Layout]:
    folder = next(above for above in (path, *path.parents) if above.is_dir())
    for kind in (layout,) if layout in _MARKS else (Layout.FLEET, Layout.APP):
        if layout is Layout.NONE:
            break
        for above in _above(folder):
            if (above / _MARKS[kind]).is_file():
                return above, kind
    if layout in _MARKS:
        return folder, layout
    if layout is None and _is_site(folder):
        return folder, Layout.SITE
    return folder, layout or Layout.NONE


def _above(folder: Path) -> Iterator[Path]:
    """The folder and those above it, not beyond the repository that it is in."""
    for above in (folder, *folder.parents):
        yield above
        if (above / ".git").exists():
            return


def _is_site(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "deployments").is_dir()


def _listed(tree: Tree) -> WorkTree:
    """The files of a folder; of single files that belong to no tree just these."""
    if tree.whole or tree.layout is not Layout.NONE:
        return folder_tree(tree.root)
    return WorkTree(tree.root, tuple(sorted(tree.chosen)))


def _holds(view: View, layout: Layout) -> bool:
    """Whether git shows the tree at all: a folder that it ignores is read as a folder."""
    return layout is Layout.SITE or any(path.endswith(_MARKS[layout]) for path in view.paths())


def _require_present(tree: Tree) -> None:
    for name in sorted(tree.chosen):
        path = tree.root / name
        if not os.path.lexists(path):
            shown = os.path.relpath(path)
            raise Invalid(f"there is no file {shown}", help="ls; git status")


def _from_here(tree: Tree, findings: Iterable[Finding]) -> list[Finding]:
    prefix = os.path.relpath(tree.root)
    if prefix == ".":
        return list(findings)
    return [replace(finding, path=f"{prefix}/{finding.path}") for finding in findings]
