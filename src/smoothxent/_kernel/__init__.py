"""The only access to compiled code: the kernel's builds, its threads, and its views of arrays."""
