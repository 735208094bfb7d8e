"""The language model that a method builds on: its folder, its chat template, its vocabulary."""
