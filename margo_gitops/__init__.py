"""GitOps-only, pull-based reconciliation for the Margo edge specification."""

__version__ = "0.1.0"
