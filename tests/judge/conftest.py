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


def completion(message: dict) -> dict:
    """A chat completion of 100 prompt tokens and 10 of the answer."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "choices": [choice], "usage": usage}


class Server:
    """Answers with `behave(number, request)`, called with the requests' running number.

    `behave` gives the message of a chat completion; or (status, headers, body); or None to hang up;
    or a number of seconds to stall.

    It has a Batch API too: a batch is in progress when it is first asked for and completed from
    then on; its questions are answered by `behave` like any others.
    """

    def __init__(self):
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.behave = lambda number, request: verdict()
        self.files: dict[str, list[str]] = {}
        self.batches: dict[str, dict] = {}
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/files":
                    server.send(self, *server.upload(body))
                elif self.path == "/v1/batches":
                    server.send(self, *server.begin(json.loads(body)))
                else:
                    server.answer(self, json.loads(body))

            def do_GET(self):
                _, _, kind, name = self.path.split("/")[:4]
                found = server.fetch(name) if kind == "files" else server.progress(name)
                server.send(self, *found)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def note(self, request: dict, path: str, key: str) -> int:
        """Keep a request; its running number."""
        with self._lock:
            self.requests.append(request | {"path": path})
            self.keys.append(key)
            return len(self.requests) - 1

    def upload(self, body: bytes) -> tuple:
        """Keep the lines of a file that came as multipart/form-data."""
        name = f"file-{sum(known.startswith('file') for known in self.files)}"
        self.files[name] = [line for line in body.decode().splitlines() if line.startswith("{")]
        return 200, {}, json.dumps({"id": name, "object": "file"})

    def begin(self, request: dict) -> tuple:
        """Begin a batch over a file."""
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"id": name, "status": "validating", **request}
        return 200, {}, json.dumps(self.batches[name])

    def progress(self, name: str) -> tuple:
        """How a batch does: in progress at first, then completed, with its answers in a file."""
        batch = self.batches[name]
        if batch["status"] == "in_progress":
            lines = [self._line(json.loads(line)) for line in self.files[batch["input_file_id"]]]
            self.files[f"{name}-out"] = [json.dumps(line) for line in lines]
            batch |= {"status": "completed", "output_file_id": f"{name}-out"}
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        return 200, {}, json.dumps(batch)

    def fetch(self, name: str) -> tuple:
        """The content of a file."""
        return 200, {}, "\n".join(self.files[name]) + "\n"

    def _line(self, asked: dict) -> dict:
        number = self.note(asked["body"], asked["url"], "")
        found = self.behave(number, asked["body"])
        status, body = (200, completion(found)) if isinstance(found, dict) else (found[0], {})
        response = {"status_code": status, "body": body}
        return {"custom_id": asked["custom_id"], "response": response, "error": None}

    def answer(self, handler: BaseHTTPRequestHandler, request: dict) -> None:
        number = self.note(request, handler.path, handler.headers.get("Authorization", ""))
        found = self.behave(number, request)
        if isinstance(found, float):
            time.sleep(found)
            found = None
        if found is None:
            handler.close_connection = True
            return
        if isinstance(found, dict):
            found = (200, {}, json.dumps(completion(found)))
        self.send(handler, *found)

    def send(self, handler: BaseHTTPRequestHandler, status: int, headers: dict, text: str) -> None:
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
        """What was written, held to its schema; of a server's judges where there is one."""
        rows = self.everything()
        asked = rows["judge"] != "overlap"
        return rows[asked] if asked.any() else rows

    def everything(self) -> pd.DataFrame:
        """All that was written, held to its schema."""
        return tables.read(self.folder / "out.parquet", tables.VERDICTS).to_pandas()

    def statuses(self) -> Counter:
        """How many verdicts have each status."""
        return Counter(self.verdicts()["status"])


@pytest.fixture
def judged(tmp_path, monkeypatch) -> Judged:
    """Records and predictions; a key in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Judged(tmp_path)
