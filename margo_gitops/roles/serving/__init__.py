"""The site's mirror for nodes on other hosts: over http(s), and as an ssh forced command.

A node is a stranger. Each has a repository of its own, in which nothing is that it may not see
(docs/decisions/0005), served by stock git programs behind bounds of ours (docs/serving.md).
"""
