"""The card that is measured on: its stated peak, a clock that waits for it, its memory."""

import contextlib
import gc
import platform
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import torch

# Dense bfloat16 FLOP/s by the vendor's data sheets, by a part of the card's name.
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12}
PACKAGES = ("torch", "transformers", "peft", "accelerate", "numpy", "safetensors")


class Card:
    """A device with its clock; on a CPU the peak is unknown and so is every MFU."""

    def __init__(self, device: str):
        self.device = torch.device(device)
        self.cuda = self.device.type == "cuda"
        self.name = torch.cuda.get_device_name() if self.cuda else platform.processor() or "CPU"
        self.peak = next((flops for part, flops in PEAKS.items() if part in self.name), None)

    def seconds(self, work: Callable[[], object], repeats: int = 1) -> float:
        """Seconds of one call of `work`, over so many, everything that was queued included."""
        self.wait()
        started = time.perf_counter()
        for _ in range(repeats):
            work()
        self.wait()
        return (time.perf_counter() - started) / repeats

    def wait(self) -> None:
        """Go on when the device has nothing left to do."""
        if self.cuda:
            torch.cuda.synchronize()

    @contextlib.contextmanager
    def memory(self) -> Iterator[dict]:
        """What is yielded holds `peak_gb` afterwards: the most that was allocated inside."""
        peak: dict = {}
        self.clear()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        yield peak
        if self.cuda:
            peak["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        else:
            # Of the whole process since its start: all that a CPU's accounting gives.
            peak["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)

    @contextlib.contextmanager
    def scarce(self, gigabytes: float, method: torch.nn.Module) -> Iterator[None]:
        """Let this process have no more memory on the card inside; a CPU, whose memory cannot be
        bounded so, pretends that two examples at once are too many for `method`."""
        if self.cuda:
            total = torch.cuda.mem_get_info()[1]
            torch.cuda.set_per_process_memory_fraction(1e9 * gigabytes / total)
            yield
            torch.cuda.set_per_process_memory_fraction(1.0)
            return
        whole = method.loss

        def loss(batch) -> torch.Tensor:
            if len(batch.ids) > 1:
                raise torch.OutOfMemoryError("two examples at once")
            return whole(batch)

        method.loss = loss
        yield

    def clear(self) -> None:
        """Give back what nothing refers to any more."""
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()

    def mfu(self, flops: float, seconds: float) -> float | None:
        """The share of the stated peak that so many useful FLOP in so much time are."""
        return round(flops / seconds / self.peak, 4) if self.peak else None

    def facts(self) -> dict:
        """The card, its driver, and the versions of what computes on it."""
        facts = {
            "card": self.name,
            "peak_bfloat16_tflops": self.peak and self.peak / 1e12,
            "date": time.strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        }
        if self.cuda:
            facts["memory_gb"] = round(torch.cuda.mem_get_info()[1] / 1e9, 1)
            facts["cuda"] = torch.version.cuda
            facts["driver"] = _driver()
        return facts


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        return f"unknown ({type(error).__name__})"
