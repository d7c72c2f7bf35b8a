"""Artifacts by digest: resolved, verified, stored, unpacked with distrust."""
