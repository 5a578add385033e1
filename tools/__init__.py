"""Long checks of the tests and the code: mutation/ (deliberate mistakes) and fuzz/ (fuzzing)."""
