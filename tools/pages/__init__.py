"""The documentation site: links between its pages, the page of the command line, llms.txt."""
