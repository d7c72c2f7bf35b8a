"""Proposals: what a change would have sites run, stated, shown, approved, merged, closed.

`branch` is a proposal's branch and what `main` would be with it, `asked` the records that this asks
for, `stating` the statement over them that people sign, `looking` what somebody is shown before,
`merging` the way into `main` and to the sites, `closing` the way out, `listing` all that are open.
"""
