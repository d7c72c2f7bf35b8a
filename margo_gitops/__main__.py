"""`python -m margo_gitops`: the same as the `margo` command."""

from margo_gitops.cli.app import main

if __name__ == "__main__":
    main()
