"""The benchmark: how fast and how small, beside what people use today.

`python -m tests.bench` measures everything in one run and writes `docs/benchmarks.md`.
"""
