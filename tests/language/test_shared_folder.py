"""Decoded states of frozen encoders: shared while a job reads them, gone when the last ends."""

import multiprocessing

import pytest

from seqfuse.training.interruption.shared_folder import shared


def _use(folder, ready, go) -> None:
    with shared(folder):
        ready.set()
        go.wait()


def test_full_scale_the_last_job_removes_what_several_used(tmp_path):
    folder = tmp_path / "state" / "memory"
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_use, args=(folder, ready, go))
    with shared(folder):
        (folder / "a.states").write_text("78 GB")
        other.start()
        ready.wait()
    # The other job has it mapped, on another node perhaps.
    assert (folder / "a.states").exists()
    go.set()
    other.join()
    assert other.exitcode == 0 and not folder.exists()
    with shared(folder):
        assert folder.exists()
    assert not folder.exists()


def test_full_scale_a_job_that_does_not_end_well_leaves_it(tmp_path):
    folder = tmp_path / "memory"
    with pytest.raises(SystemExit), shared(folder):
        (folder / "a.states").touch()
        raise SystemExit(143)
    assert (folder / "a.states").exists()
    with shared(folder, keep=True):
        pass
    assert (folder / "a.states").exists()
    with shared(folder):
        pass
    assert not folder.exists()


def test_full_scale_training_leaves_no_decoded_states(commands, monkeypatch, tmp_path):
    """An interrupted one leaves them to the next start, which comes to the same model."""
    import os
    import signal

    from seqfuse.training.trainer import Trainer

    memory = tmp_path / "state" / "memory"
    whole = commands.finetune("linear", tmp_path / "whole", "--seeds", 0)
    assert (tmp_path / "state").exists() and not memory.exists()
    step = Trainer._step

    def killed(trainer, examples):
        if trainer.progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(trainer, examples)

    monkeypatch.setattr(Trainer, "_step", killed)
    out = tmp_path / "out"
    commands.interrupted([*commands.finetuning("linear", out), "--seeds", 0])
    assert list(memory.glob("*.states"))
    monkeypatch.undo()
    commands.finetune("linear", out, "--seeds", 0)
    assert not memory.exists()
    same = [(f / "seed0" / "adapter.safetensors").read_bytes() for f in (whole, out)]
    assert same[0] == same[1]
