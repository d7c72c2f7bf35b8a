"""What to do, as values that are printed or carried out: a node's plan and a site's. Pure."""
