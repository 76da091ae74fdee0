"""Runs a command against a real S3 server with the fault proxy in front, and ends both.

    run.py SERVER COMMAND...

SERVER is minio or versitygw. The command finds in its environment
    MOLA_TEST_STORES      the URL of a bucket, straight to the server
    MOLA_TEST_S3_FAULTS   the same bucket through the proxy (proxy.py tells how to ask for faults)
    MOLA_TEST_S3_CONTROL  the proxy's control port
and its exit status is ours.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TOOL = HERE.parents[1] / "scripts" / "test-s3"
BUCKET = "mola-test"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def store_url(port, keys):
    return (f"s3://{BUCKET}/t?endpoint=http://127.0.0.1:{port}&region={keys['region']}"
            f"&access_key_id={keys['access_key']}&secret_access_key={keys['secret_key']}")


def start_proxy(*arguments):
    proxy = subprocess.Popen([sys.executable, HERE / "proxy.py", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert proxy.stdout.readline() == "ready\n", "the proxy did not start"
    return proxy


class Server:
    """One server and one proxy, for the length of a `with`."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mola-s3-")
        self.port, self.front, self.control = free_port(), free_port(), free_port()
        started = subprocess.run([TOOL, "start", self.folder.name, str(self.port), BUCKET], check=True, text=True,
                                 stdout=subprocess.PIPE, env={**os.environ, "MOLA_TEST_S3": self.name})
        self.keys = dict(line.split("=", 1) for line in started.stdout.split())
        self.proxy = start_proxy("--listen", self.front, "--control", self.control, "--to", f"127.0.0.1:{self.port}")
        return self

    def __exit__(self, *_):
        self.proxy.terminate()
        self.proxy.wait()
        subprocess.run([TOOL, "stop", self.folder.name], check=True)
        self.folder.cleanup()

    def set_proxy(self, **settings):
        """Changes settings of the proxy (proxy.py tells which); its counts from before."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/", json.dumps(settings).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def environment(self):
        return {**os.environ, "MOLA_TEST_STORES": store_url(self.port, self.keys),
                "MOLA_TEST_S3_FAULTS": store_url(self.front, self.keys),
                "MOLA_TEST_S3_CONTROL": str(self.control)}


def start_node(server, binary, prefix, *flags, straight=False):
    """`mola serve` (tests/api/mola.py) on a prefix of the bucket, behind the proxy unless `straight`."""
    sys.path.insert(0, str(HERE.parent / "api"))
    import mola
    mola.BINARY = str(binary)
    url = store_url(server.port if straight else server.front, server.keys).replace("/t?", f"/{prefix}?")
    return mola.Mola(url, *flags)


if __name__ == "__main__":
    with Server(sys.argv[1]) as server:
        status = subprocess.run(sys.argv[2:], env=server.environment()).returncode
    sys.exit(status if status >= 0 else 1)
