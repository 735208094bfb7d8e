"""What may be asked about: files of sequences, an annotation and its genome, a VCF; what is told
apart of it."""

import argparse
from dataclasses import replace

import pytest

from seqfuse.bio.reading.bad_rows import Place
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.errors import UserError
from seqfuse.language import ask
from seqfuse.language.answers.questions import Questions
from seqfuse.language.prompts import Dna, Prompt

GENOME = ">1\nCCATGGCTTAACC\n"
FILES = {
    "a.gff3": "1\tx\tCDS\t3\t11\t.\t+\t0\tID=a\n",
    "a.fa": ">a\nACGTACGT\n",
    "a.vcf": "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "1\t3\t.\tA\tT\t.\t.\t.\n",
    "ref.fa": GENOME,
}


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """What `seqfuse ask` asks about, by what is typed."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    parser = argparse.ArgumentParser()
    ask.add_arguments(parser)

    def typed(words: str) -> list[NewSequence]:
        return [*ask._rows(parser.parse_args(["--model", "m", *words.split()]))]

    return typed


def test_coding_sequences_of_gff3_are_asked_about_with_their_genome(rows):
    [row] = rows("--dna a.gff3 --genome ref.fa")
    assert (row.id, row.cells["sequence"], row.fault) == ("a", "ATGGCTTAA", None)


# what is typed -> what is said
REFUSED = {
    "--dna a.gff3": "a.gff3: GFF3 gives only the positions of coding sequences; name",
    "--dna a.fa --genome ref.fa": "--genome is for GFF3, but a.fa has its own sequences (fasta)",
    "--dna a.vcf --genome ref.fa": "a.vcf: a VCF has variants, not sequences; ask about",
    "--vcf a.vcf": "a.vcf: a VCF has no sequences; name the genome",
    "--vcf a.fa --genome ref.fa": "a.fa: this is fasta, not a VCF; give it as --dna",
    "--vcf a.gff3 --genome ref.fa": "a.gff3: this is gff3, not a VCF; give it as --dna",
    "--vcf a.vcf --genome a.gff3": "a.gff3: this is gff3, not FASTA; give the genome as FASTA",
    "--vcf a.vcf --genome no.fa": "no.fa: no such file; give the genome as FASTA",
    "--vcf no.vcf --genome ref.fa": "no.vcf: no such file",
    "--dna a.fa --window 40": "--window does not go with --dna; remove it",
    "--vcf a.vcf --variant a.fa": "--variant does not go with --vcf; remove it",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_go_together_is_one_line(rows, words):
    with pytest.raises(UserError) as error:
        rows(words)
    assert str(error.value).startswith(REFUSED[words]) and "\n" not in str(error.value)


def test_an_answer_is_kept_of_the_same_question_alone(tmp_path, capsys):
    prompt = Prompt("a", "mine", (Dna("AC"), Dna("GT")), "Which?", False)
    others = [{"id": "b"}, {"dataset": "yours"}, {"question": "What?"}, {"thinks": True},
              {"system": "Hello."}, {"dna": (Dna("ACG"), Dna("T"))}, {"dna": (Dna("ACGT"),)},
              {"dna": (Dna("AC"), Dna("GA"))}]  # fmt: skip
    path = tmp_path / "a.fa"

    def asked(prompt: Prompt) -> str:
        row = NewSequence(Place(str(path), 1, "a"), {})
        return Questions(path, [row], lambda _: prompt).check("reject").asked

    found = {asked(replace(prompt, **other)) for other in [{}, *others]}
    assert len(found) == 1 + len(others) and asked(prompt) in found
