"""What each promise of protocol section 10 costs in requests, counted at the proxy for whole servers.

    check_counts.py SERVER MOLA [FENCE_SECONDS]

FENCE_SECONDS is W; intervals that are fractions of it (a refresh each W/4, idle after W) shrink with it.
"""
import re
import sys
import threading
import time

from run import Server, start_node

CLIENTS, ROUND_TRIP_MS = 50, 150
QUERY = {"rank_by": ["id", "asc"], "limit": 10}
results = []


def expect(what, good, said):
    results.append(bool(good))
    print(f"{'ok' if good else 'FAILED'}: {what}: {said}", flush=True)


class Counts:
    """What went over the wire within a `with`, by what it was about: log, manifest, hint, other."""

    def __init__(self, server):
        self.server, self.tally, self.began = server, {}, time.monotonic()

    def __enter__(self):
        self.server.set_proxy(reset=True)
        return self

    def __exit__(self, *_):
        self.tally = {}
        self.seconds = time.monotonic() - self.began
        for asked, count in self.server.set_proxy()["by_key"].items():
            method, key = asked.split(" ", 1)
            kind = "manifest" if "/ns/" in key else "log" if re.search("/d/[0-9a-f]+/w/", key) else \
                "hint" if "/q/" in key else "other"
            self.tally[method, kind] = self.tally.get((method, kind), 0) + count

    def are(self, **wanted):
        """get_log=1: exactly these; hints of the indexer aside, which no request waits for."""
        found = {f"{method}_{kind}".lower(): n for (method, kind), n in self.tally.items() if kind != "hint"}
        return found == wanted

    def __str__(self):
        return ", ".join(f"{n} {method} {kind}" for (method, kind), n in sorted(self.tally.items())) or "no request"


def write(node, name, **body):
    status, answer, fields = node.ask("POST", f"/v2/namespaces/{name}", body)
    assert status == 200, answer
    return int(fields["mola-seq"])


def ids(node, name, **more):
    status, answer, _ = node.ask("POST", f"/v2/namespaces/{name}/query", {**QUERY, **more})
    assert status == 200, answer
    return [row["id"] for row in answer["rows"]]


def eventual(seconds):
    return {"consistency": {"level": "eventual", "max_staleness_seconds": seconds}}


def check_single(server, node):
    """A commit is one PUT, a warm strong query one GET, each by itself."""
    write(node, "one", upsert_rows=[{"id": 1}])
    ids(node, "one")
    for i in range(2, 7):
        time.sleep(0.15)  # out of the commit window
        with Counts(server) as counts:
            write(node, "one", upsert_rows=[{"id": i}])
        expect("a commit is 1 PUT", counts.are(put_log=1), counts)
        with Counts(server) as counts:
            got = ids(node, "one")
        expect("a warm strong query is 1 GET", counts.are(get_log=1) and got == list(range(1, i + 1)), counts)


def check_birth(server, node):
    with Counts(server) as counts:
        write(node, "born", upsert_rows=[{"id": 1}])
    expect("a birth is 1 GET and 2 PUTs", counts.are(get_manifest=1, put_log=1, put_manifest=1), counts)
    with Counts(server) as counts:
        got = ids(node, "born")
    expect("the first strong query after it is 1 GET", counts.are(get_log=1) and got == [1], counts)


def check_shared(server, node):
    """Many strong queries at once: each waits for a probe sent after it arrived, and they share those."""
    write(node, "many", upsert_rows=[{"id": 1}])
    ids(node, "many")
    server.set_proxy(shape={"GET": [ROUND_TRIP_MS] * 3})
    for _ in range(20):  # until the server knows that this is not slow, and hedges nothing
        ids(node, "many")
    begin, failed = threading.Barrier(CLIENTS), []

    def client():
        begin.wait()
        for _ in range(3):
            if ids(node, "many") != [1]:
                failed.append(1)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    with Counts(server) as counts:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    server.set_proxy(shape={})
    trips = counts.seconds * 1000 / ROUND_TRIP_MS
    counts.tally.pop(("GET", "manifest"), 0)  # the keeper's
    gets = counts.tally["GET", "log"]
    expect(f"{3 * CLIENTS} strong queries of {CLIENTS} clients: at most 2 GETs for each round trip",
           not failed and counts.tally.keys() <= {("GET", "log")} and gets <= 2 * trips,
           f"{gets} GETs in {trips:.1f} round trips")


def check_group(server, node):
    """Writes that come together share PUTs."""
    write(node, "group", upsert_rows=[{"id": 1}])
    begin = threading.Barrier(CLIENTS)
    seqs = [0] * CLIENTS

    def client(i):
        begin.wait()
        seqs[i] = write(node, "group", upsert_rows=[{"id": i + 2}])

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    with Counts(server) as counts:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    counts.tally.pop(("GET", "manifest"), 0)  # the keeper's
    expect(f"{CLIENTS} writes at once: 1 PUT for each entry", counts.are(put_log=len(set(seqs))) and len(set(seqs)) <= 8,
           f"{counts}; {len(set(seqs))} entries")


def check_quiet(server, node, fence, swept):
    """A namespace in use: its manifest once in W/4; one that was not used for W: nothing."""
    write(node, "quiet", upsert_rows=[{"id": 1}])
    spans = 5
    ids(node, "quiet")
    time.sleep(fence + 1)  # whatever other tests have used is idle by now
    ids(node, "quiet")
    with Counts(server) as counts:
        until, queries = time.monotonic() + spans * fence / 4, 0
        while time.monotonic() < until:
            ids(node, "quiet")
            queries += 1
            time.sleep(fence / 20)
    refreshes = counts.tally.pop(("GET", "manifest"), 0)
    expect("an active namespace: its manifest at most once in W/4, besides 1 GET a query",
           1 <= refreshes <= spans + 1 and counts.are(get_log=queries),
           f"{refreshes} refreshes in {counts.seconds / (fence / 4):.1f} x W/4; {queries} queries: {counts}")
    time.sleep(max(1.5 * fence, swept - time.monotonic()))
    with Counts(server) as counts:
        time.sleep(fence)
    expect("an idle namespace: nothing for W", counts.are(), counts)


def check_two_nodes(server, first, second):
    write(first, "both", upsert_rows=[{"id": 1}])
    ids(second, "both")
    write(first, "both", upsert_rows=[{"id": 2}])
    with Counts(server) as counts:
        got = ids(second, "both", **eventual(3600))
    expect("eventual, 3600 s: the cached view, no request", counts.are() and got == [1], f"{counts}; ids {got}")
    with Counts(server) as counts:
        got = ids(second, "both", **eventual(0))
    expect("eventual, 0 s: as a strong read: the new entry, and the slot behind it",
           counts.are(get_log=2) and got == [1, 2], f"{counts}; ids {got}")
    with Counts(server) as counts:
        got = ids(second, "both", **eventual(3600))
    expect("eventual, 3600 s: what was seen last, no request", counts.are() and got == [1, 2], f"{counts}; ids {got}")
    write(first, "both", upsert_rows=[{"id": 3}])
    time.sleep(1.1)
    with Counts(server) as counts:
        got = ids(second, "both", **eventual(1))
    expect("eventual, 1 s, after more than that: renewed", ("GET", "log") in counts.tally and got == [1, 2, 3],
           f"{counts}; ids {got}")
    write(first, "both", upsert_rows=[{"id": 4}])
    with Counts(server) as counts:
        got = ids(second, "both")
    expect("a strong read that finds one new entry is 2 GETs", counts.are(get_log=2) and got == [1, 2, 3, 4],
           f"{counts}; ids {got}")
    status, answer, _ = first.ask("DELETE", "/v2/namespaces/both")
    assert status == 200, answer
    status, answer, _ = second.ask("POST", "/v2/namespaces/both/query", QUERY)
    expect("a deletion on one node is seen by the other's next strong read", status == 404, f"status {status}")
    write(first, "both", upsert_rows=[{"id": 9}])
    expect("and so is the next life of the name", ids(second, "both") == [9], "")


def main(name, binary, fence="8"):
    flags = ("--fence-seconds", fence, "--flush-age-ms", "3600000", "--sweep-seconds", "86400")
    with Server(name) as server:
        began = time.monotonic()
        nodes = [start_node(server, binary, "counts", *flags) for _ in range(2)]
        check_single(server, nodes[0])
        check_birth(server, nodes[0])
        check_shared(server, nodes[0])
        check_group(server, nodes[0])
        check_quiet(server, nodes[0], int(fence), began + 5.5 * int(fence))  # a server sweeps 5 W after its start
        check_two_nodes(server, *nodes)  # last: what it deletes is swept
        for node in nodes:
            expect("it ends", node.stop() == 0, "exit status 0")
    print(f"{sum(results)} of {len(results)} as expected")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
