"""The three roles: central, local, edge. They choose parts and hold no rule."""
