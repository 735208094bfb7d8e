"""What share of homologous proteins does a search link? Measured, for `SENSITIVITY` of the audit.

Of made-up homologues of known identity: a random protein and a descendant, whose sites differ in
rate, whose substitutions follow BLOSUM62, and which has gaps. Of real ones, with `--records` of
coding sequences: every pair that Biopython's aligner (local, BLOSUM62, gaps 12 and 1) calls
homologous, which aligns half of the shorter protein or more.

    python -m bench.homologues --search seeds
    python -m bench.homologues --search mmseqs --records genes.parquet --column cds --most 600
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqfuse.bio.homology import BLOSUM62, LAMBDA, METHODS, RESIDUES, Search

IDENTITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
PAIRS = 500
# Robinson and Robinson (1991), in the order of RESIDUES.
_SHARES = np.array(
    [7.8, 5.1, 4.5, 5.4, 1.9, 4.3, 6.3, 7.4, 2.2, 5.1, 9.0, 5.7, 2.2, 3.9, 5.2, 7.1, 5.8, 1.3, 3.2,
     6.4]
)  # fmt: skip
_SHARES = _SHARES / _SHARES.sum()
_BECOMES = _SHARES * np.exp(LAMBDA * BLOSUM62) * (1 - np.eye(20))
_BECOMES = (_BECOMES / _BECOMES.sum(1, keepdims=True)).cumsum(1)
_GAPS = 0.02  # a site that a protein of no identity would open a gap at


def homologues(pairs: int, identity: float, random: np.random.Generator) -> list[str]:
    """Twice `pairs` proteins: each and, behind it, its homologue."""
    made = []
    for _ in range(pairs):
        length = int(np.clip(random.lognormal(5.6, 0.5), 60, 1000))
        ancestor = random.choice(20, length, p=_SHARES)
        made += [_text(ancestor), _text(_descendant(ancestor, identity, random))]
    return made


def _descendant(ancestor: np.ndarray, identity: float, random: np.random.Generator) -> np.ndarray:
    rate = random.exponential(size=len(ancestor))
    # Kept is exp(-rate * time), of whose mean the time follows.
    low, high = 0.0, 100.0
    for _ in range(40):
        time = (low + high) / 2
        low, high = (time, high) if np.exp(-rate * time).mean() > identity else (low, time)
    drawn = random.random(len(ancestor))[:, None] > _BECOMES[ancestor]
    changed = random.random(len(ancestor)) > np.exp(-rate * time)
    descendant = np.where(changed, np.minimum(drawn.sum(1), 19), ancestor)
    pieces, place = [], 0
    for gap in np.flatnonzero(random.random(len(descendant)) < _GAPS * (1 - identity)):
        size = int(random.geometric(0.3))
        pieces.append(descendant[place:gap])
        inserted = random.random() < 0.5
        pieces.append(random.choice(20, size, p=_SHARES) if inserted else descendant[:0])
        place = max(place, gap if inserted else gap + size)
    return np.concatenate([*pieces, descendant[place:]])


def _text(protein: np.ndarray) -> str:
    return "".join(RESIDUES[residue] for residue in protein)


def linked(search: Search, identity: float, pairs: int = PAIRS, seed: int = 0) -> tuple[int, int]:
    """(made-up homologues of an identity that are linked, other pairs that are)."""
    proteins = homologues(pairs, identity, np.random.default_rng(seed))
    hits = search.pairs(proteins)
    right = int(((hits[:, 0] % 2 == 0) & (hits[:, 1] == hits[:, 0] + 1)).sum())
    return right, len(hits) - right


def aligned(proteins: list[str]) -> Iterator[tuple[int, int, float]]:
    """(i, j, identity) of every pair of homologues, by Biopython's aligner."""
    from Bio import Align
    from Bio.Align import substitution_matrices

    aligner = Align.PairwiseAligner(mode="local", open_gap_score=-12, extend_gap_score=-1)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    residues = sum(map(len, proteins))
    for j, other in enumerate(proteins):
        for i, one in enumerate(proteins[:j]):
            shorter = min(len(one), len(other))
            # Altschul and Gish (1996), of these gaps.
            chance = 0.041 * shorter * residues * np.exp(-0.267 * aligner.score(one, other))
            if chance <= 1e-3:
                counts = aligner.align(one, other)[0].counts()
                equal, unequal = counts.identities, counts.mismatches
                if equal + unequal >= shorter / 2:
                    yield i, j, equal / (equal + unequal + counts.gaps)


def real(path: Path, column: str, most: int) -> list[str]:
    """At most `most` different proteins of up to 800 residues of a table's coding sequences."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from seqfuse.bio.frames import translate

    texts = [text.upper().replace("U", "T") for text in pq.read_table(path)[column].to_pylist()]
    translated = translate(pa.array(texts, pa.string())).to_pylist()
    proteins = sorted({text.removesuffix("*").replace("*", "X") for text in translated})
    proteins = [text for text in proteins if 30 <= len(text) <= 800]
    return [proteins[n] for n in np.random.default_rng(0).permutation(len(proteins))[:most]]


def main(words: list[str] | None = None) -> None:
    """Print the share that is linked, by identity."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--search", choices=METHODS, default="seeds")
    parser.add_argument("--identity", type=float, default=0.3, help="the threshold (0.3)")
    parser.add_argument("--records", type=Path, help="a Parquet table of coding sequences")
    parser.add_argument("--column", default="sequence", help="its column of sequences")
    parser.add_argument("--most", type=int, default=600, help="proteins that are aligned (600)")
    args = parser.parse_args(words)
    search = Search(args.search, args.identity)
    for identity in IDENTITIES:
        right, wrong = linked(search, identity)
        print(
            f"made up, {identity:.0%}: {right / PAIRS:.3f} of {PAIRS}; {wrong} others", flush=True
        )
    if args.records:
        proteins = real(args.records, args.column, args.most)
        truth = list(aligned(proteins))
        hits = {tuple(pair) for pair in search.pairs(proteins).tolist()}
        for least in IDENTITIES:
            wanted = [(i, j) in hits for i, j, share in truth if least <= share < least + 0.1]
            if wanted:
                print(f"real, {least:.0%} and more: {np.mean(wanted):.3f} of {len(wanted)}")
        print(f"linked, and not aligned: {len(hits - {(i, j) for i, j, _ in truth})}")


if __name__ == "__main__":
    sys.exit(main())
