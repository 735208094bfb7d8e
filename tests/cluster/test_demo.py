"""The whole demo through `--profile slurm`: `make test-cluster-all` alone, for it takes long."""

import pytest

pytestmark = pytest.mark.whole
TRAINING = {"language_pretrain", "language_finetune", "codons_train", "codons_train_weighed"}
GPU_STAGES = {"embeddings", "language", "codons"}


def test_the_demo_ends_in_its_report(tiny, accounted, tmp_path, fresh, rule_of):
    demo = fresh(tiny, tmp_path / "project", accounted)
    (demo.root / "config.yaml").write_text("preset: demo\n")
    demo.profile(jobs=8)  # every job is three snakemakes, whatever Slurm believes of its nodes
    demo.finish(demo.submit())
    assert (demo.root / "results/demo/report/report.html").stat().st_size > 0
    jobs = demo.jobs()
    assert {rule_of(job) for job in jobs} > TRAINING
    for job in jobs:
        on_gpu = rule_of(job).split("_")[0] in GPU_STAGES
        assert job["JobState"] == "COMPLETED"
        assert job["NodeList"].startswith("gpu") == ("gres/gpu:a100=1" in job["TRES"])
        assert on_gpu or job["Partition"] == "cpu"
