"""What every training has in common: device, batches, checkpoints, processes, provenance."""
