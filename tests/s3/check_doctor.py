"""`mola doctor` tells safe stores from unsafe ones, in time, and says what a human should know.

    check_doctor.py SERVER MOLA
"""
import pathlib
import subprocess
import sys
import time

from run import Server, free_port, start_node, start_proxy, store_url

MINUTE = 60


def doctor(binary, url):
    """(exit status, seconds, all that it said)"""
    began = time.monotonic()
    done = subprocess.run([binary, "doctor", "--store", url], capture_output=True, text=True, timeout=MINUTE)
    return done.returncode, time.monotonic() - began, done.stdout + done.stderr


def expect(what, answer, status, seconds, *words):
    got, took, text = answer
    problems = [f"exit status {got}, not {status}"] * (got != status) + \
        [f"took {took:.1f} s, more than {seconds}"] * (took > seconds) + \
        [f"does not say {word!r}" for word in words if word not in text] + \
        ["tells a secret"] * ("mola-secret-key" in text)
    print(f"{'ok' if not problems else 'FAILED'}: {what}: {', '.join(problems) or f'{took:.1f} s'}")
    if problems:
        print(text)
    return not problems


def request(server, method, path, body="", *headers):
    """A signed request straight to the server."""
    signing = ["--user", f"{server.keys['access_key']}:{server.keys['secret_key']}",
               "--aws-sigv4", f"aws:amz:{server.keys['region']}:s3"]
    fields = [word for header in ("x-amz-content-sha256: UNSIGNED-PAYLOAD", *headers) for word in ("--header", header)]
    subprocess.run(["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", "--noproxy", "*", *signing,
                    *fields, "--request", method, *(["--data", body] if body else []),
                    f"http://127.0.0.1:{server.port}/{path}"], check=True)


def check_tls(server, binary):
    """A certificate that only --ca makes known, and one for another host."""
    results = []
    for host, names, known in (("127.0.0.1", "IP:127.0.0.1", True), ("127.0.0.1", "DNS:elsewhere.example", False)):
        pem, port = pathlib.Path(server.folder.name) / f"cert-{known}.pem", free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-addext",
                        f"subjectAltName={names}", "-keyout", pem, "-out", f"{pem}.crt"], check=True,
                       stderr=subprocess.DEVNULL)
        pem.write_text(pem.read_text() + pathlib.Path(f"{pem}.crt").read_text())
        proxy = start_proxy("--listen", port, "--to", f"127.0.0.1:{server.port}", "--cert", pem)
        url = store_url(port, server.keys).replace("http://127.0.0.1", f"https://{host}")
        if known:
            results += [expect("TLS with its certificate", doctor(binary, f"{url}&ca={pem}.crt"), 0, 10, "safe: everything"),
                        expect("TLS with a foreign certificate", doctor(binary, url), 1, 10, "certificate")]
        else:
            results.append(expect("TLS of another host", doctor(binary, f"{url}&ca={pem}.crt"), 1, 10, "certificate"))
        proxy.terminate()
        proxy.wait()
    return results


def refuse_mock(binary):
    """A server that many test with, and that loses races: its conditions are looked at and acted upon in two steps."""
    with Server("s3mock") as server:
        said = doctor(binary, store_url(server.port, server.keys))
        print(said[2])
        return 0 if expect("S3Mock", said, 1, 15, "**NO**", "the store is not safe") else 1


def until(what, true, seconds=10):
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            print(f"FAILED: {what}: not in {seconds} s")
            return False
        time.sleep(0.1)
    print(f"ok: {what}: after {time.monotonic() - began:.1f} s")
    return True


def check_serving(server, binary):
    """A running server notices that conditions are ignored, writes nothing then, and goes on when that is over."""
    node = start_node(server, binary, "trust", "--store-check-seconds", 1)
    rows = {"rank_by": ["id", "asc"], "limit": 100}

    def write(number):
        began = time.monotonic()
        status, answer, _ = node.ask("POST", "/v2/namespaces/it", {"upsert_rows": [{"id": number}]})
        return status, str(answer), time.monotonic() - began
    results = [write(1)[0] == 200]
    server.set_proxy(mix={"unconditional": 1.0})
    results.append(until("conditions that are ignored are noticed", lambda: node.metrics()["mola_store_unsafe"] == 1))
    status, said, took = write(2)
    read = node.ask("POST", "/v2/namespaces/it/query", rows)
    results += [status == 503 and "not written" in said and took < 2, read[0] == 200 and read[1]["rows"] == [{"id": 1}]]
    server.set_proxy(mix={})
    results.append(until("and that they are kept again", lambda: write(3)[0] == 200))
    read = node.ask("POST", "/v2/namespaces/it/query", rows)
    results += [read[1]["rows"] == [{"id": 1}, {"id": 3}], node.metrics()["mola_store_unsafe"] == 0, node.stop() == 0]
    print(f"{'ok' if all(results) else 'FAILED'}: a server on such a store: {results}, {status} after {took:.1f} s: {said}")
    return results


def main(name, binary):
    if name == "s3mock":
        return refuse_mock(binary)
    with Server(name) as server:
        direct, front = store_url(server.port, server.keys), store_url(server.front, server.keys)
        results = [
            expect("a good store", doctor(binary, direct), 0, 10, "safe: everything", "| versioning | off"),
            expect("a good store behind the proxy", doctor(binary, front), 0, 10, "safe: everything"),
            expect("conditions ignored", doctor(binary, front.replace("/t?", "/t/@unconditional?")), 1, 2,
                   "**NO**", "the store is not safe", "writers were told that they won"),
            expect("conditions not implemented", doctor(binary, front.replace("/t?", "/t/@501.put?")), 1, 2,
                   "NotImplemented"),
            expect("another region", doctor(binary, front.replace("/t?", "/t/@other_region?")), 1, 2,
                   "region=eu-west-1"),
            expect("a wrong secret", doctor(binary, direct + "x"), 1, 2, "SignatureDoesNotMatch"),
            expect("no such bucket", doctor(binary, direct.replace("mola-test", "no-bucket")), 1, 2, "NoSuchBucket"),
            expect("nobody there", doctor(binary, direct.replace(str(server.port), "1")), 1, 10, "could not be checked"),
            expect("no URL", doctor(binary, "s3://x"), 2, 2, "no bucket name"),
            expect("a store in memory", doctor(binary, "mem:"), 0, 10, "safe: everything"),
        ]
        results += check_tls(server, binary) + check_serving(server, binary)
        if name == "minio":
            request(server, "PUT", "versioned")
            request(server, "PUT", "versioned?versioning=",
                    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
            request(server, "PUT", "locked", "", "x-amz-bucket-object-lock-enabled: true")
            results += [
                expect("old versions kept", doctor(binary, direct.replace("mola-test", "versioned")), 0, 10,
                       "| versioning | on", "no lifecycle rule removes them"),
                expect("object lock", doctor(binary, direct.replace("mola-test", "locked")), 0, 10,
                       "| Object Lock | on", "has Object Lock"),
            ]
    print(f"{sum(results)} of {len(results)} as expected")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
