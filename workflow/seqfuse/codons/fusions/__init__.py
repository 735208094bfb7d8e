"""The fusions of study B, one module each, and the heads that follow them."""
