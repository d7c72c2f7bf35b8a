"""The `margo` command: arguments, one call, print."""
