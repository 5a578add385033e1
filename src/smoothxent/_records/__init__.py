"""Records: results as JSON, without loss, with a checksum."""
