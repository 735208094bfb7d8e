"""Sketches against the exact Jaccard index of sets of k-mers."""

import numpy as np
import pyarrow as pa
import pytest

from seqfuse.bio import sketch

K, SIZE = sketch.K, sketch.SIZE


def kmers(text: str) -> set[str]:
    found = {text[i : i + K] for i in range(len(text) - K + 1)}
    return {kmer for kmer in found if "N" not in kmer}


def exact(first: str, second: str) -> float:
    union = kmers(first) | kmers(second)
    return len(kmers(first) & kmers(second)) / len(union) if union else 0.0


def random_dna(rng, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), size=length))


def mutated(rng, text: str, share: float) -> str:
    return "".join(c if rng.random() > share else str(rng.choice(list("ACGT"))) for c in text)


def two(first: str, second: str) -> float:
    return sketch.jaccard(*sketch.sketches(pa.array([first, second])))


def test_short_sequences_are_exact():
    rng = np.random.default_rng(0)
    for length in (K, 40, 100, SIZE + K - 2):
        for share in (0.0, 0.01, 0.05, 0.5):
            first = random_dna(rng, length)
            second = mutated(rng, first, share)
            assert two(first, second) == pytest.approx(exact(first, second))
    assert two("ACGT" * 20, "ACGT" * 30) == 1.0  # 4 different k-mers each
    assert two("ACGTACGTACG", "ACGTACGTACG") == 0.0  # shorter than a k-mer


def test_kmers_with_n_do_not_count():
    first = "ACGTTGCATGCATTGACCAT" + "N" + "GGATCCATTGACCATGATTA"
    assert two(first, first.replace("N", "A")) == pytest.approx(
        exact(first, first.replace("N", "A"))
    )
    assert exact(first, first.replace("N", "A")) < 1
    assert two("N" * 50, "N" * 50) == 0.0


def test_long_sequences_are_estimated_without_bias():
    """Over 60 pairs: the mean error within 3 standard errors of 0, and its spread as stated."""
    rng = np.random.default_rng(1)
    errors, indices = [], []
    for share in np.linspace(0.002, 0.06, 60):
        first = random_dna(rng, 2500)
        second = mutated(rng, first, share)
        indices.append(exact(first, second))
        errors.append(two(first, second) - indices[-1])
    indices = np.array(indices)
    stated = np.sqrt(indices * (1 - indices) / SIZE)
    assert 0.2 < indices.min() < 0.5 < indices.max()
    assert abs(np.sum(errors)) < 3 * np.sqrt((stated**2).sum())
    assert 0.6 < np.std(np.array(errors) / stated) < 1.3


def test_sketches_hold_the_smallest_hashes_however_a_batch_is_cut():
    rng = np.random.default_rng(2)
    texts = [random_dna(rng, n) for n in (3000, 5, 0, 20000, 12, 300)] + ["ACG" * 2000]
    whole = sketch.sketches(pa.array(texts))
    for row, text in enumerate(texts):
        alone = sketch.sketches(pa.array([text]))[0]
        assert np.array_equal(whole[row], alone)
        used = alone[alone != sketch.EMPTY]
        assert len(used) == min(SIZE, len(kmers(text))) and (np.diff(used.astype(int)) > 0).all()


def test_hashing_is_a_bijection_of_24_bits():
    rng = np.random.default_rng(3)
    text = random_dna(rng, 30000)
    hashes = sketch._hashes(sketch._DIGIT[np.frombuffer(text.encode(), np.uint8)])
    assert len(np.unique(hashes)) == len(kmers(text))
    assert abs(hashes.astype(float).mean() / 2**24 - 0.5) < 0.01


def test_identity_of_an_index():
    # Mash: d = -ln(2 J / (1 + J)) / k; J = 0.5: 2/3, ln = -0.405465, over 12: 0.0337888.
    assert sketch.identity(0.5) == pytest.approx(1 - 0.0337888, abs=1e-6)
    assert sketch.identity(1.0) == 1.0


def family(rng, size: int) -> list[str]:
    first = random_dna(rng, 130)
    return [first] + [mutated(rng, first, 0.01) for _ in range(size - 1)]


def test_near_and_clusters_are_those_of_all_pairs():
    rng = np.random.default_rng(4)
    texts = family(rng, 6) + family(rng, 4) + [random_dna(rng, 130) for _ in range(80)]
    pool = sketch.sketches(pa.array(texts))
    sets = [kmers(text) for text in texts]
    close = np.array([[len(a & b) / len(a | b) >= sketch.NEAR for b in sets] for a in sets])
    np.fill_diagonal(close, False)
    found = sketch.near(pool, pool, same=np.arange(len(texts)))
    assert found[:10].sum() >= 6 and np.array_equal(found, close.any(axis=1))
    assert sketch.near(pool, pool, same=np.full(len(texts), -1)).all()
    joined = np.eye(len(texts), dtype=bool) | close
    for _ in range(8):
        joined = joined @ joined
    clusters = sketch.clusters(pool)
    assert np.array_equal(clusters[:, None] == clusters[None, :], joined)


def test_a_chain_joins_whole_clusters():
    """Of these sets of hashes, 0-2, 1-3, 2-4 and 3-4 have J of at least 0.5: one chain."""
    sets = [range(10), range(20, 30), range(15), range(20, 35), [*range(15), *range(20, 35)]]
    pool = np.full((6, SIZE), sketch.EMPTY, np.uint32)
    for row, hashes in enumerate([*sets, [99]]):
        pool[row, : len(hashes)] = hashes
    found = sketch.clusters(pool).tolist()
    assert len(set(found[:5])) == 1 and found[5] != found[0]
