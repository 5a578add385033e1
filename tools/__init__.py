"""Checks that take long: mutation/, mistakes made on purpose; fuzz/, calls led by coverage."""
