"""Trips: what people carry between an office and a site where no network goes.

At the office: `office` (the ledger and what the remote confirmed), `packing`, `loading`. At the
site: `book` (what it remembers), `arriving`, `answering`. `papers` is what people read on the way.
"""
