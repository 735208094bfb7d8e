"""seqfuse compares ways to fuse biological sequences with language models and with each other."""

__version__ = "0.1.0"
