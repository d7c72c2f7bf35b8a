"""`margo drill`: a live site without a network, taken through all that can befall its sticks.

`office` and `site` are the two ends of a fleet in a temporary folder, `casebook` what is tried on
them: one file for each family of cases. `cutting` is a process of its own, in which a durable write
can be the last thing that happens. Nothing here has a rule of its own: both ends are the very ones
that `margo trip` and `margo lo run` open.
"""
