"""The published encoders behind one interface, their checkpoints, tokenisers and random twins."""
