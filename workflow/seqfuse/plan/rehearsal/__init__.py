"""What the jobs of a plan take, computed before the first of them runs: `seqfuse rehearse`."""
