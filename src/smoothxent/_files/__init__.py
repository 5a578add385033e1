"""Logits and labels in files of any size, read chunk by chunk."""
