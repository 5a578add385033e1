"""Tables of results: as text, Markdown and HTML; and pictures."""
