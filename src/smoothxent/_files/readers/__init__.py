"""Readers of file formats: each returns an array of which only the header has been read."""
