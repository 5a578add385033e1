"""The only door to compiled code: the kernel's builds, its threads, and arrays as it takes them."""
