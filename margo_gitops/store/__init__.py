"""Git as the store: objects, refs, transports; never a work tree for machine branches.

Invariants (DESIGN section 3):

- A ref points only to a commit of which everything reachable is durably stored.
- A ref moves only by compare-and-swap; a lost race is an error, never a silent success.
- Each ref has one writing role.
- A reader resolves its ref once and takes everything from that commit.
- Objects that no ref names are never wrong; they may be collected.

Write order: blobs, trees, commit, one compare-and-swap of one ref. A crash before the ref leaves
garbage that harms nothing, a crash after it leaves the complete new state; there is no third case.
What arrives from outside is stored, then walked completely, blobs included, before a ref moves.
A push is confirmed by re-reading: our commit is, or is an ancestor of, the remote's tip.
"""
