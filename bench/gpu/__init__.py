"""What a GPU makes of the project: `python -m bench gpu`, prepared for a card that is lent.

Under eight minutes on one A100, H100 or H200. Everything starts from random weights at the real
shapes; nothing is downloaded. It needs torch, transformers, peft, accelerate, numpy and
safetensors alone. Each part is measured against plain transformers doing the same work in the same
run; a part that fails says so, and the rest goes on.

    python -m bench gpu --out gpu.json
    python -m bench gpu --shape tiny --device cpu      # seconds, on any machine
    PYTHONPATH=workflow python -m bench gpu            # where the package is not installed
"""
