"""Existing modules extended through their syntax tree: definitions, imports, entries of settings."""
