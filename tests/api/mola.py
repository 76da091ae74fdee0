"""Starts the real binary on a store of the test's own; kills, stops and restarts it."""
import atexit
import functools
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MOLA_BINARY", str(ROOT / "build-release/src/mola"))
START_SECONDS = 30
STOP_SECONDS = 60
# Flushes, merges and collections all the time: thresholds of next to nothing, a fence of a second, a disk cache of
# a few slots, and segments that soon do not fit into their manifest any more.
RESTLESS = ("--flush-rows", "1", "--flush-age-ms", "0", "--index-poll-ms", "10", "--merge-fan-in", "2", "--fence-seconds", "1",
            "--retention-seconds", "0", "--gc-floor-age-seconds", "0", "--sweep-seconds", "5", "--cache-bytes", "4M",
            "--inline-bytes-max", "8K")


def _end(process):
    """No server outlives a test that failed."""
    if process.poll() is None:
        process.kill()


@functools.cache
def usual_contract():
    """openapi.yaml, read and compiled once for all servers of a module."""
    from contract import Contract
    return Contract()


class Mola:
    """One `mola serve`. Restarting keeps the port, so that clients reconnect to the same address."""

    def __init__(self, store, *flags, env=None, wrapper=()):
        self.store, self.flags, self.env, self.wrapper = str(store), flags, env or {}, tuple(wrapper)
        self.own_port, self.watch, self.process, self.lines = 0, None, None, []
        self.start()

    def start(self):
        command = [*self.wrapper, BINARY, "serve", "--store", self.store, "--listen", f"127.0.0.1:{self.own_port}",
                   "--notice-seconds", "0", *map(str, self.flags)]
        self.lines, self.heard = [], threading.Condition()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **self.env})
        atexit.register(_end, self.process)
        threading.Thread(target=self._listen, args=(self.process, self.lines, self.heard), daemon=True).start()
        line = self.wait_for_line(" listening ", START_SECONDS)
        self.own_port = int(re.search(r" port=(\d+)", line)[1])
        return self

    @staticmethod
    def _listen(process, lines, heard):
        for line in process.stderr:
            with heard:
                lines.append(line.rstrip("\n"))
                heard.notify_all()
        with heard:
            lines.append("")
            heard.notify_all()

    def wait_for_line(self, words, seconds):
        with self.heard:
            self.heard.wait_for(lambda: any(words in line or line == "" for line in self.lines), seconds)
            for line in self.lines:
                if words in line:
                    return line
        raise AssertionError(f"mola never said {words!r}: {self.lines[-5:]}")

    @property
    def port(self):
        """Where clients go: the watching proxy, if there is one."""
        return self.watch.port if self.watch else self.own_port

    def watched(self, **options):
        """From now on clients go through a proxy that holds all they say and hear against openapi.yaml."""
        from contract import Contract, Watch
        self.watch = Watch(Contract(**options) if options else usual_contract(), lambda: self.own_port)
        return self

    def unwatched(self):
        """The end of that: nothing was wrong."""
        watch, self.watch = self.watch, None
        problems = watch.close()
        assert watch.seen and not problems, "\n".join(problems) or "nobody came by"

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        """kill -9, as a crash of the machine's kernel would not be more sudden."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def ask(self, method, path, body=None, headers=None, raw=None):
        """(status, parsed body, headers) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Authorization": "Bearer k", "Content-Type": "application/json",
                                                **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(text) if text and "json" in fields.get("content-type", "") and \
            "content-encoding" not in fields else text, fields

    def metrics(self):
        """What each series of /metrics says, by its name and labels."""
        status, text, _ = self.ask("GET", "/metrics")
        assert status == 200
        lines = (text if isinstance(text, str) else text.decode()).splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def export(server, name):
    """Every document of a namespace, and the position it was read at."""
    status, body, fields = server.ask("POST", f"/v2/namespaces/{name}/query", {
        "rank_by": ["id", "asc"], "limit": 10000, "include_attributes": True})
    assert status == 200, body
    return body["rows"], int(fields["mola-seq"])
