"""The coverage-guided fuzzer: random calls, compared with the oracle; see __main__.py."""
