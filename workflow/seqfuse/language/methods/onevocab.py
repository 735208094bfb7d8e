"""OneVocab (arXiv 2602.12286): text and DNA k-mers in one vocabulary, one embedding matrix.

While it trains, the table lies in two parameters, the backbone's rows and the new rows, so that
what is frozen is no parameter of the optimiser: neither a gradient nor weight decay nor a moment
reaches it. Saved, it is one table (tied where the backbone's is) and one tokeniser, which
transformers loads without this package; there DNA is written `<dna><|ACGTAC|><|A|></dna>`, see
`written`.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.errors import UserError
from seqfuse.language.methods.kmers import LETTERS, KmerVocabulary
from seqfuse.language.methods.method import LanguageMethod, Setup
from seqfuse.settings.sections import Section

PARTS = ("dna", "text", "backbone")
# Fills the ids between the backbone's last token and its table's last row.
_UNUSED = re.compile(r"<\|unused-\d+\|>")
# What a model card says of DNA in text.
_WRITTEN = """
DNA is written in one form: upper case, `<dna>`, then every {k} nucleotides from the first one on
as `<|...|>`, the end and what is no {k}-mer of {alphabet} letter by letter, then `</dna>`:
`{example}` is
`{form}`.
Text outside is tokenised as by the backbone alone; the ids of DNA start at {offset}, behind the
last row of the backbone's embedding table.
"""


class Settings(Section, path="language/onevocab"):
    """The vocabulary, and what is trained."""


class OneVocab(LanguageMethod):
    """V = V_text + V_dna: the backbone's table grows by one row a k-mer; new ids start behind its
    last row (Qwen3's table is longer than its tokeniser).

    `trainable_parts` says which parts move: the DNA rows, the text rows, the backbone (the paper's
    Table 2). With LoRA the text rows and the backbone's weights stay frozen.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        settings = {**setup.settings}
        # Only a saved model names its offset: its table is one already.
        self.merged = "offset" in settings
        offset = settings.pop("offset", self.backbone.get_input_embeddings().num_embeddings)
        self.settings = Settings.saved(settings)
        self.vocabulary = KmerVocabulary(self.settings.k, self.settings.alphabet, offset)
        if self.merged:
            self._check_rows()
            return
        for table in ("input", "output"):
            weight = getattr(self.backbone, f"get_{table}_embeddings")().weight
            rows = new_rows(self, weight.detach())
            self.register_parameter(f"dna_{table}", nn.Parameter(rows))
        if self._tied:
            self.dna_output = self.dna_input
        self._freeze(with_lora=bool(setup.lora_rank))

    def segment(self, sequence: str) -> np.ndarray:
        """`<dna>`, the k-mers, `</dna>`."""
        vocabulary = self.vocabulary
        ids = vocabulary.encode(sequence)
        return np.concatenate([[vocabulary.start], ids, [vocabulary.stop]])

    def token_embeddings(self, ids: Tensor) -> Tensor:
        """Rows of the joint table for ids [...] -> [..., width]."""
        if self.merged:
            return super().token_embeddings(ids)
        offset = self.vocabulary.offset
        text = super().token_embeddings(ids.clamp(max=offset - 1))
        dna = F.embedding((ids - offset).clamp(min=0), self.dna_input) * self.scale
        return torch.where((ids >= offset)[..., None], dna, text)

    def text_ids(self) -> list[int]:
        """The backbone's own: DNA is read, and never written."""
        known = self.tokeniser.get_vocab()
        own = {i for name, i in known.items() if not _UNUSED.fullmatch(name)}
        return sorted(i for i in own if i < self.vocabulary.offset)

    def output_tables(self) -> list[Tensor]:
        """Rows of text tokens, then of DNA tokens: one softmax over both."""
        return super().output_tables() + ([] if self.merged else [self.dna_output])

    def own_state(self) -> dict[str, Tensor]:
        """Nothing: a saved OneVocab is a plain language model."""
        return {}

    def saved_settings(self) -> dict:
        """The settings, and where the DNA rows of the one table begin."""
        return {**super().saved_settings(), "offset": self.vocabulary.offset}

    def save_backbone(self, folder: Path) -> None:
        """One table, one tokeniser."""
        self._merge()
        super().save_backbone(folder)
        extend_tokeniser(folder / "tokenizer.json", self.vocabulary)

    def dna_as_text(self, sequence: str) -> str:
        """As the exported tokeniser reads it."""
        return written(self.vocabulary, sequence)

    def dna_form(self, example: str) -> str:
        """What stands between `<dna>` and `</dna>`, and where its ids begin."""
        facts = {name: getattr(self.vocabulary, name) for name in ("k", "alphabet", "offset")}
        return _WRITTEN.format(example=example, form=written(self.vocabulary, example), **facts)

    @property
    def _tied(self) -> bool:
        tables = self.backbone.get_input_embeddings(), self.backbone.get_output_embeddings()
        return tables[0].weight is tables[1].weight

    def _check_rows(self) -> None:
        rows, vocabulary = self.backbone.get_input_embeddings().num_embeddings, self.vocabulary
        expected = vocabulary.offset + vocabulary.size
        if rows != expected:
            raise UserError(
                f"{self.setup.backbone}: its table has {rows} rows, k = {vocabulary.k} over"
                f" {vocabulary.alphabet} makes it {expected}; use the k it was trained with"
            )

    def _freeze(self, with_lora: bool) -> None:
        unknown = sorted(set(self.settings.trainable_parts) - set(PARTS))
        if unknown or not self.settings.trainable_parts:
            raise UserError(
                f"--trainable-parts {' '.join(unknown)}: name one or more of {', '.join(PARTS)}"
            )
        train_dna, train_text, train_backbone = (p in self.settings.trainable_parts for p in PARTS)
        self.dna_input.requires_grad_(train_dna)
        self.dna_output.requires_grad_(train_dna)
        if with_lora:
            return
        self.backbone.requires_grad_(train_backbone)
        for table in (self.backbone.get_input_embeddings(), self.backbone.get_output_embeddings()):
            table.requires_grad_(train_text)

    def _merge(self) -> None:
        tied, offset = self._tied, self.vocabulary.offset
        rows = self.dna_input.detach(), self.dna_output.detach()
        self.backbone.resize_token_embeddings(offset + self.vocabulary.size, mean_resizing=False)
        with torch.no_grad():
            self.backbone.get_input_embeddings().weight[offset:] = rows[0]
            self.backbone.get_output_embeddings().weight[offset:] = rows[1]
        if tied != self._tied:
            raise RuntimeError("resizing the vocabulary untied the embeddings")
        del self.dna_input, self.dna_output
        self.merged = True


def new_rows(method: OneVocab, table: Tensor) -> Tensor:
    """Start values [size, width] of the DNA rows of a table [V, width], by the settings' rule.

    mean: the mean of the text rows; where the rows are not trained, no DNA could matter. random:
    normal, with the mean and standard deviation of the text rows in every column. compositional
    (ours): the sum over places i of s_i * e(letter i), with e the text row of the letter's own
    token and s_i a random sign vector for each place, brought to the text rows' mean norm; single
    letters are k-mers of length one.
    """
    vocabulary, rule = method.vocabulary, method.settings.initialisation
    mean = table.mean(0)
    if rule == "mean":
        return mean.repeat(vocabulary.size, 1)
    rows = torch.randn(vocabulary.size, method.width) * table.std(0) + mean
    if rule == "random":
        return rows
    letters = torch.stack([table[method.tokens(letter)].mean(0) for letter in LETTERS])
    signs = torch.randint(0, 2, (vocabulary.k, method.width)) * 2.0 - 1
    norm = table.norm(dim=1).mean()
    for row, word in enumerate(vocabulary.words[:-2]):
        places = [LETTERS.index(letter) for letter in word]
        total = (letters[places] * signs[: len(word)]).sum(0)
        rows[row] = total * norm / total.norm()
    return rows


def written(vocabulary: KmerVocabulary, sequence: str) -> str:
    """DNA as the exported tokeniser reads it: `<dna>`, each k-mer as `<|ACGTAC|>`, `</dna>`."""
    words = (vocabulary.words[i - vocabulary.offset] for i in vocabulary.encode(sequence))
    return "<dna>" + "".join(f"<|{word}|>" for word in words) + "</dna>"


def extend_tokeniser(path: Path, vocabulary: KmerVocabulary) -> None:
    """Add the DNA tokens to a tokenizer.json, at their ids.

    The ids between the tokeniser's last token and the table's last row are filled with tokens
    `<|unused-N|>`, because a tokeniser numbers what it adds without gaps.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    # A token behind the table's last row has no vector, and no text holds it.
    added = [token for token in content["added_tokens"] if token["id"] < vocabulary.offset]
    content["added_tokens"] = added
    known = [*content["model"]["vocab"].values(), *(token["id"] for token in added)]
    words = [f"<|{word}|>" for word in vocabulary.words[:-2]] + vocabulary.words[-2:]
    names = [f"<|unused-{i}|>" for i in range(max(known) + 1, vocabulary.offset)] + words
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    for number, name in enumerate(names, start=max(known) + 1):
        added.append({"id": number, "content": name, **plain})
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
