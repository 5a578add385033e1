"""The coverage-guided fuzzer: any call against the oracle; see __main__.py."""
