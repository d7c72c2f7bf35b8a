"""`render(main, locks, previous change) -> site tree`: pure, the same for every renderer.

`main` holds the input as values, `desired` the deployments of a site, `records` what people
approve, `approved` what of it may be published, `site` the complete tree (DESIGN section 2);
`edits` is what a person's verb changes on `main`.
"""

from margo_gitops.render.approved import Decision, Signed, Waiting
from margo_gitops.render.main import Application, Main
from margo_gitops.render.site import PublishedTree, SiteTree, render, waiting, wanted

__all__ = [
    "Application",
    "Decision",
    "Main",
    "PublishedTree",
    "Signed",
    "SiteTree",
    "Waiting",
    "render",
    "waiting",
    "wanted",
]
