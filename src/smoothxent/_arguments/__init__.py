"""Callers' arguments become plain arrays and numbers; errors about them are worded here."""
