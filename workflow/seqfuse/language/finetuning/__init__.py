"""A fine-tuning job, its checks before training, and the checkpoint folder that it writes."""
