"""A server on loopback that behaves like the OpenAI API, loses answers, and counts its charges."""

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "sk-test-0123456789abcdef"
# What stands in place of an answer that was computed and charged.
BODIES = {
    "cut JSON": None,
    "empty choices": json.dumps({"choices": [], "usage": {}}),
    "HTML": "<html><body>502 Bad Gateway</body></html>",
    "empty body": "",
    "an error object": json.dumps({"error": {"message": "upstream failed", "code": 502}}),
}


def verdict(score=7, reason="Same chain.") -> dict:
    """The message of a well-formed verdict."""
    return {"role": "assistant", "content": json.dumps({"reason": reason, "score": score})}


def completion(message: dict) -> dict:
    """A chat completion of 100 prompt tokens and 10 of the answer."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "choices": [choice], "usage": usage}


def flagged(code="content_filter") -> tuple:
    """The refusal of a text that the server will not let a model read."""
    return 400, {}, json.dumps({"error": {"message": "flagged", "code": code}})


class Server:
    """Answers with `behave(number, request)`, called with the requests' running number.

    `behave` gives the message of a chat completion; or (status, headers, body); or None to hang up;
    or a number of seconds to stall. A message is charged, whether or not it arrives: `charged`
    counts, by model and texts. `fault(call, nth)` names what happens to the answer of the nth call
    of a kind ("POST /batches"), if anything: one of `BODIES`, "drop", "drip", or "kill", which ends
    the process `client`.

    The Batch API: a batch is in progress when it is first asked for and completed from then on; its
    questions are answered by `behave` like any others. Completions are kept where `keeps`.
    """

    def __init__(self):
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.behave = lambda number, request: verdict()
        self.fault: Callable[[str, int], str | None] = lambda call, nth: None
        self.keeps = True
        self.client: int | None = None
        self.files: dict[str, list[str]] = {}
        self.batches: dict[str, dict] = {}
        self.kept: dict[str, list[dict]] = {}
        self.charged: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
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
                url = urlsplit(self.path)
                _, _, kind, *names = url.path.split("/")
                if kind == "chat":
                    found = server.stored(parse_qs(url.query))
                elif kind == "files":
                    found = server.fetch(names[0])
                else:
                    found = server.progress(names[0]) if names else server.list()
                server.send(self, *found)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=[0.01], daemon=True).start()

    def note(self, request: dict, path: str, key: str) -> int:
        """Keep a request; its running number."""
        with self._lock:
            self.requests.append(request | {"path": path})
            self.keys.append(key)
            return len(self.requests) - 1

    def charge(self, request: dict) -> None:
        """Count a computed answer."""
        with self._lock:
            self.charged[json.dumps([request["model"], request["messages"]])] += 1

    def upload(self, body: bytes) -> tuple:
        """Keep the lines of a file that came as multipart/form-data."""
        name = f"file-{sum(known.startswith('file') for known in self.files)}"
        self.files[name] = [line for line in body.decode().splitlines() if line.startswith("{")]
        return 200, {}, json.dumps({"id": name, "object": "file"})

    def begin(self, request: dict) -> tuple:
        """Begin a batch over a file."""
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"id": name, "status": "validating", "created_at": time.time()}
        self.batches[name] |= request
        return 200, {}, json.dumps(self.batches[name])

    def list(self) -> tuple:
        """Every batch, the newest first."""
        return 200, {}, json.dumps({"data": list(self.batches.values())[::-1], "has_more": False})

    def progress(self, name: str) -> tuple:
        """How a batch does: in progress at first, then completed, with its answers in files."""
        batch = self.batches[name]
        if batch["status"] == "in_progress":
            lines = [self._line(json.loads(line)) for line in self.files[batch["input_file_id"]]]
            right = [line for line in lines if line["response"]["status_code"] == 200]
            wrong = [line for line in lines if line["response"]["status_code"] != 200]
            self.files |= {
                f"{name}-out": [json.dumps(line) for line in right],
                f"{name}-err": [json.dumps(line) for line in wrong],
            }
            counts = {"completed": len(right), "failed": len(wrong), "total": len(lines)}
            batch |= {"status": "completed", "request_counts": counts}
            batch |= {"output_file_id": f"{name}-out", "error_file_id": f"{name}-err"}
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        return 200, {}, json.dumps(batch)

    def fetch(self, name: str) -> tuple:
        """The content of a file."""
        return 200, {}, "\n".join(self.files[name]) + "\n"

    def stored(self, query: dict) -> tuple:
        """The completions that were kept under a name."""
        if not self.keeps:
            return 404, {}, json.dumps({"error": {"message": "not found"}})
        return 200, {}, json.dumps({"data": self.kept.get(query["metadata[seqfuse]"][0], [])})

    def _line(self, asked: dict) -> dict:
        number = self.note(asked["body"], asked["url"], "")
        found = self.behave(number, asked["body"])
        if isinstance(found, dict):
            self.charge(asked["body"])
            found = (200, {}, json.dumps(completion(found)))
        status, _, text = found
        response = {"status_code": status, "body": json.loads(text or "{}")}
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
            self.charge(request)
            if self.keeps and request.get("store"):
                name = request["metadata"]["seqfuse"]
                self.kept.setdefault(name, []).append(completion(found))
            found = (200, {}, json.dumps(completion(found)))
        self.send(handler, *found)

    def send(self, handler: BaseHTTPRequestHandler, status: int, headers: dict, text: str) -> None:
        path = re.sub(r"/v1|batch_\w+|\?.*", "", handler.path)
        call = f"{handler.command} {re.sub(r'/files/.*', '/files/x', path)}"
        with self._lock:
            self.calls[call] += 1
            fault = self.fault(call, self.calls[call])
        if fault in BODIES:
            text = text[: len(text) // 2] if BODIES[fault] is None else BODIES[fault]
        if fault == "kill":
            os.kill(self.client, signal.SIGKILL)
        if fault in ("drop", "kill"):
            handler.close_connection = True
            return
        content = text.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        try:
            for start in range(len(content)) if fault == "drip" else ():
                handler.wfile.write(content[start : start + 1])
                handler.wfile.flush()
                time.sleep(0.05)
            if fault != "drip":
                handler.wfile.write(content)
        except OSError:
            handler.close_connection = True

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
