"""The published encoders behind one interface; their checkpoints and tokenisers; random ones."""
