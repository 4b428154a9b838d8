"""Code generated from externalscaler.proto by `make proto`; never edited."""
