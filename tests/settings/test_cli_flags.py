"""A section of the schema as flags, and back."""

import argparse
import dataclasses
import pickle
import shlex

import pytest

from seqfuse import cli
from seqfuse.codons.training import Training
from seqfuse.errors import UserError
from seqfuse.settings import cli_flags, schema
from seqfuse.settings.sections import Section


class Evaluation(Section, path="evaluation"): ...


def parse(section, words):
    parser = argparse.ArgumentParser()
    cli_flags.add(parser, section)
    return parser.parse_args(words)


def test_flags_come_back_as_the_same_values():
    settings = {"confidence": 0.9, "margin": 0.1}
    args = parse("evaluation", shlex.split(cli_flags.flags(settings)))
    assert cli_flags.take(args, Evaluation) == Evaluation(**settings)


def test_defaults_are_the_schemas():
    args = parse("evaluation", [])
    rule = schema.section("evaluation")
    assert args.margin == rule["margin"]["default"]
    assert args.confidence == rule["confidence"]["default"]


def test_flags_leave_out_nulls_and_quote():
    text = cli_flags.flags(
        {"base_url": None, "name": "a b", "reasoning": True, "mirror": ["x", "y"]}
    )
    assert text == "--name 'a b' --reasoning true --mirror x y"


def test_a_value_outside_the_enumeration_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse("sequences", ["--ambiguous", "guess"])
    assert "to_n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--entropy", "1.5"), "--entropy: 1.5 is not at most 1"),
        (("--entropy", "-0.1"), "--entropy: -0.1 is not at least 0"),
        (("--entropy",), "--entropy: expected at least one argument"),
        (("--learning-rate", "0"), "--learning-rate: 0 is not above 0"),
        (("--dropout", "1"), "--dropout: 1 is not below 1"),
        (("--epochs", "two"), "--epochs: invalid int value: 'two'"),
    ],
)
def test_a_value_outside_the_schemas_bounds_is_one_line(flags, named, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["codons", "train", *flags])
    error = capsys.readouterr().err
    assert f"seqfuse codons train: error: argument {named}" in error and error.count("\n") == 1


class Resampler(Section, path="language/qformer"):
    """The smallest section, with something of its own."""

    heads: str

    def size(self) -> int:
        return self.latents * self.blocks


def test_a_sections_class_has_the_schemas_keys_types_defaults_and_help():
    fields = {field.name: field.type for field in dataclasses.fields(Training)}
    assert list(fields) == list(schema.section("codons/training"))
    assert fields["epochs"] is int and fields["dropout"] is float and fields["head"] is str
    assert fields["entropy"] == tuple[float, ...]
    assert Training(epochs=7) == Training(
        epochs=7, entropy=(0.01,), tuned=("dna", "rna", "protein")
    )
    assert "epochs: Most epochs.\n" in Training.__doc__
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        Training(epoch=7)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Training().epochs = 8


def test_null_and_several_types_are_unions():
    class Judge(Section, path="judge"): ...

    class Finetuning(Section, path="language/training"): ...

    assert Judge.__annotations__["max_cost"] == float | None
    assert Finetuning.__annotations__["learning_rate"] == tuple[float, ...] | float


def test_a_sections_class_may_say_more():
    assert Resampler().size() == 64 * 3
    assert Resampler.__annotations__["heads"] is str
    assert list(Resampler.__annotations__) == [
        "latents", "blocks", "heads", "head_width", "mlp_width", "norms",
    ]  # fmt: skip
    assert pickle.loads(pickle.dumps(Resampler(blocks=2))) == Resampler(blocks=2)


def test_saved_settings_take_no_default():
    saved = {"latents": 1, "blocks": 2, "heads": 4}
    saved |= {"head_width": 8, "mlp_width": 9, "norms": True}
    assert Resampler.saved(saved) == Resampler(**saved)
    with pytest.raises(
        UserError, match="language/qformer: the checkpoint's settings have no 'heads'"
    ):
        Resampler.saved({"latents": 1, "blocks": 2})
