"""The drivers: each runs one kind of component and reads reality back from its engine."""
