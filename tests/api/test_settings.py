"""Settings: flags, their twins in the environment, sizes and ranges; what is wrong ends the server with 2."""
import os
import re
import subprocess

import pytest
from mola import BINARY, Mola


def run(*arguments, env=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MOLA_")}
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, env={**clean, **(env or {})})


@pytest.mark.parametrize("arguments, words", [
    (["--nonsense", "1"], "unknown argument --nonsense"),
    (["--listening", ":1"], "unknown argument --listening"),
    (["--liste", ":1"], "unknown argument --liste"),
    (["listen", ":1"], "unknown argument listen"),
    (["--listen_", ":1"], "unknown argument"),
    (["--loops"], "--loops needs a value"),
    (["--loops", "2", "--store"], "--store needs a value"),
    (["--loops", ""], 'loops: "" is not a number'),
    (["--loops="], 'loops: "" is not a number'),
    (["--loops", "two"], "is not a number"),
    (["--loops", "-1"], "is not a number"),
    (["--loops", "+1"], "is not a number"),
    (["--loops", " 1"], "is not a number"),
    (["--loops", "1.5"], "is not a number"),
    (["--loops", "0x10"], "is not a number"),
    (["--loops", "65"], "loops must be between 0 and 64"),
    (["--idle-seconds", "0"], "idle_seconds must be between 1 and 86400"),
    (["--request-bytes-max", "1023"], "must be between 1024 and 4294967296"),
    (["--request-bytes-max", "5G"], "must be between 1024 and 4294967296"),
    (["--request-bytes-max", "1k"], "is not a number"),
    (["--request-bytes-max", "1KB"], "is not a number"),
    (["--request-bytes-max", "1KK"], "is not a number"),
    (["--request-bytes-max", "K"], "is not a number"),
    (["--view-bytes-max", "15M"], "view_bytes_max must be between 16777216 and"),
    (["--view-bytes-max", "18446744073709551616"], "is not a number"),
    (["--view-bytes-max", "17179869184G"], "is not a number"),
    (["--log-level", "loud"], "log_level"),
    (["--kernel", "abacus"], "kernel"),
    (["--listen", "127.0.0.1"], "is not ADDRESS:PORT"),
    (["--listen", "127.0.0.1:"], "is not ADDRESS:PORT"),
    (["--listen", "127.0.0.1:65536"], "is not ADDRESS:PORT"),
    (["--listen", "127.0.0.1:-1"], "is not ADDRESS:PORT"),
    (["--listen", "127.0.0.1:+1"], "is not ADDRESS:PORT"),
    (["--listen", "127.0.0.1:80x"], "is not ADDRESS:PORT"),
    (["--listen", "a" * 100 + ":80"], "is not ADDRESS:PORT"),
    (["--indexer", "maybe"], 'indexer: "maybe" is not on or off'),
    (["--embedding-key", "k"], "unknown argument --embedding-key"),
    (["--embedding-url", "ftp://h"], '--embedding-url: "ftp://h" is not http://HOST/PATH'),
    (["--rerank-url", "http://a", "--rerank-url", "http://b"], "--rerank-url: more than one for a provider"),
    (["--rerank-model", "m=n"], '--rerank-url has no URL for the model "m"'),
    (["--embedding-url", "http://h", "--embedding-model", "m"], "is not NAME=REMOTE"),
    (["--embedding-url", "http://h", "--embedding-key-file", "/nowhere"], 'embedding_key_file: "/nowhere" cannot be read'),
    (["--rerank-candidates-max", "0"], "rerank_candidates_max must be between 1 and 160000"),
    (["--rerank-model", "m=n"] * 65, "rerank_model is given more than 64 times"),
    (["--flush-bytes", "1023"], "flush_bytes must be between 1024 and"),
    (["--flush-rows", "0"], "flush_rows must be between 1 and"),
    (["--merge-fan-in", "1"], "merge_fan_in must be between 2 and 64"),
    (["--segment-rows-max", "16777217"], "segment_rows_max must be between 1 and 16777216"),
    (["--inline-bytes-max", "262145"], "inline_bytes_max must be between 0 and 262144"),
    (["--index-workers", "0"], "index_workers must be between 1 and 64"),
    (["--index-memory-max", "31M"], "index_memory_max must be between 33554432 and"),
    (["--sweep-seconds", "0"], "sweep_seconds must be between 1 and"),
    (["--cache-bytes", "1M"], "cache_bytes must be between 2097152 and"),
    (["--api-keys", ","], "holds no key"),
    (["--api-keys-file", "/nonexistent/keys"], "/nonexistent/keys"),
])
def test_wrong_arguments_end_with_2_and_a_reason(arguments, words):
    done = run("serve", "--store", "mem:", *arguments)
    assert done.returncode == 2, done
    assert words in done.stderr and done.stdout == ""


def test_a_wrong_twin_is_named():
    done = run("serve", env={"MOLA_STORE": "mem:", "MOLA_LOOPS": "many"})
    assert done.returncode == 2
    assert 'loops: "many" is not a number' in done.stderr


def test_a_flag_does_not_excuse_a_wrong_twin():
    assert run("serve", "--store", "mem:", "--loops", "1", env={"MOLA_LOOPS": "many"}).returncode == 2


def test_help_names_every_setting_with_twin_and_default():
    done = run("serve", "--help")
    assert done.returncode == 0
    settings = re.findall(r"^  --([a-z-]+) (?:TEXT|N) \((MOLA_[A-Z_]+)\)\n      .+ Default: .+$", done.stdout, re.MULTILINE)
    assert len(settings) == done.stdout.count("\n  --") >= 20
    for flag, twin in settings:
        assert twin == "MOLA_" + flag.upper().replace("-", "_")
    assert "--listen TEXT (MOLA_LISTEN)" in done.stdout and "Default: 127.0.0.1:3000" in done.stdout


def test_help_and_version_go_to_output_and_nonsense_to_errors():
    assert run("--version").stdout.startswith("mola ")
    done = run("--help")
    assert done.returncode == 0 and "usage: mola serve" in done.stdout
    for arguments in ([], ["sevre"], ["--version", "1"]):
        done = run(*arguments)
        assert done.returncode == 2 and "usage: mola serve" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("command", ["serve", "index", "fsck"])
def test_every_subcommand_has_the_settings(command):
    done = run(command, "--help")
    assert done.returncode == 0 and f"usage: mola {command}" in done.stdout and "--store TEXT" in done.stdout
    done = run(command, "--store", "mem:", "--nonsense", "1")
    assert done.returncode == 2 and "unknown argument --nonsense" in done.stderr and done.stdout == ""
    done = run(command, env={"MOLA_STORE": "mem:", "MOLA_FENCE_SECONDS": "0"})
    assert done.returncode == 2 and "fence_seconds must be between" in done.stderr


def test_fsck_wants_a_name_that_can_be():
    done = run("fsck", "no/name", "--store", "mem:")
    assert done.returncode == 2 and '"no/name" is not a name' in done.stderr


def fits(server, size):
    """A write of so many bytes is not refused for its size."""
    body = b'{"upsert_rows":[{"id":1}]}'
    return server.ask("POST", "/v2/namespaces/a", raw=body + b" " * (size - len(body)))[0]


@pytest.mark.parametrize("flags, twins, size", [
    (["--request-bytes-max", "2K"], {}, 2048),
    (["--request-bytes-max=3072"], {}, 3072),
    ([], {"MOLA_REQUEST_BYTES_MAX": "1M"}, 1 << 20),
    (["--request-bytes-max", "2K"], {"MOLA_REQUEST_BYTES_MAX": "1M"}, 2048),
    (["--request-bytes-max", "1M", "--request-bytes-max", "4K"], {}, 4096),
])
def test_flag_wins_over_twin_and_the_last_flag_over_the_first(store, flags, twins, size):
    server = Mola(store, *flags, env=twins)
    try:
        assert fits(server, size) == 200
        assert fits(server, size + 1) == 413
    finally:
        assert server.stop() == 0


def test_keys_of_settings_are_separated_by_commas(store):
    server = Mola(store, env={"MOLA_API_KEYS": "one, two,,#three"})
    try:
        for key, status in {"one": 200, "two": 200, "#three": 200, "three": 401, "one, two": 401, "": 401}.items():
            answer = server.ask("GET", "/v1/namespaces", headers={"Authorization": f"Bearer {key}"})
            assert answer[0] == status, key
        assert server.ask("GET", "/health", headers={"Authorization": ""})[0] == 200
    finally:
        assert server.stop() == 0
