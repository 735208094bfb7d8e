"""`seqfuse`, whose training steps take SECONDS_A_STEP longer: time for a fault, not work."""

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
    time.sleep(float(os.environ.get("SECONDS_A_PART", "0")))

from seqfuse.cli import main  # noqa: E402

sys.exit(main())
