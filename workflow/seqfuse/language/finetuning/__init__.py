"""One job of fine-tuning, and the checkpoint folder that it writes."""
