"""SeqCLIP: the linear adapter, started from contrastive pre-training."""

from seqfuse.errors import UserError
from seqfuse.language.linear import Linear
from seqfuse.language.model import Setup, load_exactly


class SeqClip(Linear):
    """`Linear` on states of the pre-trained encoder, with the pre-trained adapter to start from."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        # A checkpoint of a fine-tuned model brings its own adapter.
        if setup.pretrained is not None:
            path = setup.pretrained / "adapter.safetensors"
            load_exactly(self.adapter, path, self.adapter.state_dict().keys())
            if self.adapter.weight.shape[0] != self.width:
                raise UserError(f"{path}: made for another backbone's width")
