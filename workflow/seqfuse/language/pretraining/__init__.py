"""SeqCLIP's contrastive pre-training, and what its pairs share with the benchmarks."""
