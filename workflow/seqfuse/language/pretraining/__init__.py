"""SeqCLIP's contrastive pre-training, and the overlap of its pairs with the benchmarks."""
