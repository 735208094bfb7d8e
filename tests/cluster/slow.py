"""`seqfuse` that leaves time for a fault: a training step takes SECONDS_A_STEP longer, a part of an
embedding SECONDS_A_PART, unless it is task QUICK_TASK of its job array."""

import os
import sys
import time

if sys.argv[1:3] == ["codons", "train"]:
    import torch

    step = torch.optim.Adam.step

    def slow(self, *args, **kwargs):
        time.sleep(float(os.environ["SECONDS_A_STEP"]))
        return step(self, *args, **kwargs)

    torch.optim.Adam.step = slow
elif sys.argv[1:3] == ["embeddings", "write"] and "--part" in sys.argv:
    is_quick = os.environ.get("SLURM_ARRAY_TASK_ID") == os.environ.get("QUICK_TASK", "none")
    time.sleep(0 if is_quick else float(os.environ.get("SECONDS_A_PART", "0")))

from seqfuse.cli import main  # noqa: E402

sys.exit(main())
