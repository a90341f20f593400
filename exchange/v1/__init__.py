"""Messages and stubs of the public API, generated from protos/; never edited."""
