"""The study with a pre-trained language model: its configuration, and what collects its scores."""
