"""The git store and its transports, on real repositories and in memory."""
