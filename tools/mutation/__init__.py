"""Mutants: small mistakes made by rule; for each, some test must fail."""
