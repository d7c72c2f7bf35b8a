"""What a node and a site report, and what a person reads of it. Pure: no clock.

Nothing in a report changes while nothing happens: no time, no counter. When it was written is the
commit's to say, and which desired commit it describes stands in it (invariant 6). `node` computes a
node's report, `site` folds the nodes' into the site's one, `view` sets desired against reported.
"""
