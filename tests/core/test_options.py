"""A section of the schema as flags, and back."""

import argparse
import shlex
from dataclasses import dataclass

import pytest

from seqfuse.settings import cli_flags, schema


@dataclass(frozen=True)
class Evaluation:
    resamples: int
    confidence: float
    holm_family: str


def parse(section, words):
    parser = argparse.ArgumentParser()
    cli_flags.add(parser, section)
    return parser.parse_args(words)


def test_flags_come_back_as_the_same_values():
    settings = {"resamples": 500, "confidence": 0.9, "holm_family": "dataset"}
    args = parse("evaluation", shlex.split(cli_flags.flags(settings)))
    assert cli_flags.take(args, "evaluation", Evaluation) == Evaluation(500, 0.9, "dataset")


def test_defaults_are_the_schemas():
    args = parse("evaluation", [])
    rule = schema.section("evaluation")
    assert args.resamples == rule["resamples"]["default"]
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
