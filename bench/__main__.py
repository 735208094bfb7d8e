"""Measure our code against its plain counterparts; each baseline is written plainly beside it.

Prints a table and writes a JSON list of {name, ours, baseline, ratio, unit, ...}. Both sides must
give the same result, or nothing is printed; they run in alternation, and their medians are
compared, imports excluded. Sizes are a share of the full ones, which take hours on two cores; "at
least" holds for the full ones, and a small embed_rerun cannot reach it.

    python -m bench
    python -m bench embeddings --scale 1 --threads 4
    python -m bench gpu --help       # a script of its own, for a card that is lent
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.measure import GROUPS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measures to take (default: all)")
    parser.add_argument("--scale", type=float, default=0.02, help="share of the full size (0.02)")
    parser.add_argument("--repeats", type=int, default=3, help="alternating pairs (3)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of both sides (1)")
    parser.add_argument("--out", default="results/bench/bench.json", help="JSON to write")
    args = parser.parse_args()
    if unknown := set(args.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; choose from {', '.join(GROUPS)}")
    # Read when torch and NumPy are imported, which the groups do.
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

    from bench import measure

    rows = []
    with tempfile.TemporaryDirectory(prefix="seqfuse-bench-") as folder:
        setting = measure.Setting(Path(folder), args.scale, args.repeats, args.threads)
        for group in args.groups or GROUPS:
            for take in measure.of(group):
                if args.only is None or take.__name__ in args.only:
                    rows.append(take(setting))
                    print(measure.line(rows[-1]), flush=True)
    measure.save(rows, setting, args.out)


if sys.argv[1:2] == ["gpu"]:
    from bench.gpu import script

    sys.exit(script.main(sys.argv[2:]))
main()
