"""Forges: where people look at a proposal. Nothing here decides, and nothing waits for it.

`base` says what a forge is asked; `github`, `gitlab` and `forgejo` ask it, each through a client
that others keep; `line` is the one way out, which bounds every answer and lets a token go to one
place only; `choosing` says which forge it is; `text` writes what people read there.
"""
