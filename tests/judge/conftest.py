"""A server on loopback that behaves like the OpenAI API, and the command that asks it."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.cli import main

KEY = "sk-test-0123456789abcdef"


def verdict(score=7, reason="Same chain.") -> dict:
    """The message of a well-formed verdict."""
    return {"role": "assistant", "content": json.dumps({"reason": reason, "score": score})}


class Server:
    """Answers with `behave(number, request)`, called with the requests' running number.

    `behave` gives the message of a chat completion; or (status, headers, body); or None to hang up;
    or a number of seconds to stall.
    """

    def __init__(self):
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.behave = lambda number, request: verdict()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        request = json.loads(body)
        with self._lock:
            number = len(self.requests)
            self.requests.append(request | {"path": handler.path})
            self.keys.append(handler.headers.get("Authorization", ""))
        found = self.behave(number, request)
        if isinstance(found, float):
            time.sleep(found)
            found = None
        if found is None:
            handler.close_connection = True
            return
        if isinstance(found, dict):
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            choice = {"index": 0, "message": found, "finish_reason": "stop"}
            found = (200, {}, json.dumps({"id": "x", "choices": [choice], "usage": usage}))
        status, headers, text = found
        content = text.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server():
    """A running server; every test scripts its own `behave`."""
    running = Server()
    yield running
    running.close()


class Judged:
    """Two test records with reasoning, one method's predictions, and the command."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.records([("r1", "kappa leads to cobalt ataxia"), ("r2", "sigma leads to anaemia")])
        self.texts({"r1": "<think> kappa leads to ataxia </think> Answer: x", "r2": "Answer: y"})

    def records(self, reasons, train=(), label="ataxia") -> None:
        """Write test records (id, reasoning) and training records (id, question, reasoning)."""
        rows = [
            {"id": name, "split": "test", "sequence": "A", "question": "q", "reasoning": text}
            | {"label": label}
            for name, text in reasons
        ]
        rows += [
            {"id": name, "split": "train", "sequence": "A", "question": asked, "reasoning": text}
            | {"label": label}
            for name, asked, text in train
        ]
        table = tables.from_rows(rows, tables.CLEAN)
        tables.write(self.folder / "records.parquet", table, tables.CLEAN)

    def texts(self, texts: dict, method="linear", seeds=(0,)) -> None:
        """Write one method's predictions."""
        rows = [
            {"id": name, "dataset": "d", "method": method, "seed": seed, "probe": "none"}
            | {"text": text}
            for seed in seeds
            for name, text in texts.items()
        ]
        table = tables.from_rows(rows, tables.PREDICTIONS)
        tables.write(self.folder / "predictions.parquet", table, tables.PREDICTIONS)

    def run(self, *extra, method="linear") -> int:
        """The exit status of `seqfuse judge`."""
        return main(self.words(*extra, method=method))

    def words(self, *extra, method="linear") -> list[str]:
        """The command line."""
        words = ["judge", "--suite", "s", "--method", method, "--datasets", "d"]
        words += ["--records", str(self.folder / "records.parquet")]
        words += ["--predictions", str(self.folder / "predictions.parquet")]
        words += ["--store", str(self.folder / "store")]
        return [*words, "--out", str(self.folder / "out.parquet"), *extra]

    def verdicts(self) -> pd.DataFrame:
        """What was written, held to its schema."""
        return tables.read(self.folder / "out.parquet", tables.VERDICTS).to_pandas()

    def statuses(self) -> Counter:
        """How many verdicts have each status."""
        return Counter(self.verdicts()["status"])


@pytest.fixture
def judged(tmp_path, monkeypatch) -> Judged:
    """Records and predictions; a key in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Judged(tmp_path)
