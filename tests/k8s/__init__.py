"""A Kubernetes node with real pods: `nox -s k8s`."""
