"""Conditional and by-filter writes over sockets: two servers on one directory, many clients, exact counts."""
import http.client
import json
import random
import threading

import pytest
from mola import RESTLESS, Mola, export

QUICK = ("--commit-window-ms", "1", "--fence-seconds", "5")


class Client:
    """One connection that stays."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, path, body, method="POST"):
        """(status, parsed body, position)"""
        self.connection.request(method, path, json.dumps(body).encode(), {"Authorization": "Bearer k"})
        answer = self.connection.getresponse()
        text = json.loads(answer.read())
        return answer.status, text, int(answer.getheader("mola-seq") or 0)

    def write(self, name, **body):
        return self.ask(f"/v2/namespaces/{name}", body)

    def value(self, name, attribute):
        status, body, _ = self.ask(f"/v2/namespaces/{name}/query", {
            "rank_by": ["id", "asc"], "limit": 1, "include_attributes": [attribute]})
        assert status == 200, body
        return body["rows"][0][attribute]

    def schema(self, name):
        self.connection.request("GET", f"/v1/namespaces/{name}/schema")
        return json.loads(self.connection.getresponse().read())


def in_threads(jobs):
    """Runs them all at once; the first failure is raised."""
    failures = []

    def run(job):
        try:
            job()
        except BaseException as e:  # noqa: B036
            failures.append(e)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def pair(store, request):
    """Two servers on one directory, on which both write and both index."""
    flags = [*RESTLESS, "--fence-seconds", "5"] if getattr(request, "param", "") == "restless" else []
    servers = [Mola(store, *flags, *QUICK) for _ in range(2)]
    yield servers
    assert [server.stop() for server in servers] == [0, 0]


@pytest.mark.parametrize("pair", ["usual", "restless"], indirect=True)
def test_a_hundred_clients_count_with_a_condition_through_two_servers(pair):
    assert Client(pair[0]).write("counter", upsert_rows=[{"id": 1, "n": 0}])[0] == 200
    affected = []

    def count(number):
        """Adds one, once: whoever was faster makes it look again."""
        client, added = Client(pair[number % 2]), 0
        while not added:
            seen = client.value("counter", "n")
            if number % 4 < 2:
                body = {"patch_rows": [{"id": 1, "n": seen + 1}], "patch_condition": ["n", "Eq", seen]}
            else:
                body = {"upsert_rows": [{"id": 1, "n": seen + 1}], "upsert_condition": ["n", "Lt", {"$ref_new": "n"}]}
            status, answer, _ = client.write("counter", **body)
            assert status == 200, answer
            added = answer["rows_affected"]
            affected.append(added)

    in_threads([lambda i=i: count(i) for i in range(100)])
    assert sum(affected) == 100 and set(affected) <= {0, 1}
    assert [Client(server).value("counter", "n") for server in pair] == [100, 100]
    assert len(affected) > 150, "the clients were never in each other's way"


def test_two_types_inferred_at_once_one_wins_and_both_servers_agree(pair):
    clients = [Client(server) for server in pair]
    assert clients[0].write("race", upsert_rows=[{"id": 0}])[0] == 200
    gate, outcome = threading.Barrier(2), [[], []]

    def infer(number, value):
        for i in range(500):
            gate.wait(60)
            outcome[number].append(clients[number].write("race", upsert_rows=[{"id": number + 1, f"a{i}": value}])[0])

    in_threads([lambda: infer(0, 7), lambda: infer(1, "seven")])
    schemas = [client.schema("race") for client in clients]
    assert schemas[0] == schemas[1]
    for i, both in enumerate(zip(*outcome)):
        assert sorted(both) == [200, 400], f"a{i}: {both}"
        assert schemas[0][f"a{i}"]["type"] == ("int" if both[0] == 200 else "string")
    wins = outcome[0].count(200)
    print(f"{wins} of 500 were integers")


def test_read_only_is_ordered_with_the_writes_of_the_other_server(pair):
    keeper, name = Client(pair[0]), "frozen"
    assert keeper.write(name, upsert_rows=[{"id": 0}])[0] == 200
    accepted, refused, over = {0: 1}, [], threading.Event()

    def write():
        client, number = Client(pair[1]), 0
        while not over.is_set():
            number += 1
            status, answer, position = client.write(name, upsert_rows=[{"id": number}])
            if status == 200:
                accepted[number] = position
            else:
                assert status == 400 and "This namespace is read-only" in answer["error"], answer
                refused.append(position)

    def freeze():
        try:
            for _ in range(20):
                before = len(accepted)
                while len(accepted) == before and writer.is_alive():
                    pass
                spans.append([keeper.ask(f"/v1/namespaces/{name}/metadata", {"read_only": flag}, "PATCH")[2]
                              for flag in (True, False)])
        finally:
            over.set()

    spans = []
    writer = threading.Thread(target=write)
    writer.start()
    freeze()
    writer.join()
    assert len(spans) == 20 and refused
    for start, end in spans:
        assert 0 < start < end
        assert not [n for n, position in accepted.items() if start <= position <= end]
    for position in refused:
        assert any(start <= position < end for start, end in spans), "refused where it was not read-only"
    rows, _ = export(pair[0], name)
    assert {row["id"] for row in rows} == set(accepted) and len(accepted) > 20


def test_limits_of_operations_by_filter_and_what_is_left(store):
    server = Mola(store, *QUICK, "--patch-by-filter-max", "3", "--delete-by-filter-max", "4", "--request-bytes-max", "200K")
    client = Client(server)
    assert client.write("n", upsert_rows=[{"id": i, "a": 1, "b": i % 2} for i in range(11)])[0] == 200
    patch = {"filters": ["a", "Eq", 1], "patch": {"a": 2}}
    status, answer, _ = client.write("n", patch_by_filter=patch)
    assert status == 400 and answer["error"] == "the filter matches 11 documents, more than the limit of 3"
    large = {"filters": ["a", "Eq", 1], "patch": {"text": "x" * 90000}}
    status, answer, _ = client.write("n", patch_by_filter=large, schema={"text": {"type": "string", "filterable": False}})
    assert status == 400 and answer["error"].endswith("more than the limit of 2"), "what is written fits into one request"
    ids, remaining = [], True
    while remaining:
        status, answer, _ = client.write("n", patch_by_filter=patch, patch_by_filter_allow_partial=True, return_affected_ids=True)
        assert status == 200 and answer["rows_patched"] == answer["rows_affected"] <= 3
        ids += answer["patched_ids"]
        remaining = answer.get("rows_remaining", False)
    assert ids == list(range(11))
    status, answer, _ = client.write("n", delete_by_filter=["b", "Eq", 1], upsert_rows=[{"id": 1, "b": 1}])
    assert status == 400 and len(export(server, "n")[0]) == 11
    status, answer, _ = client.write("n", delete_by_filter=["b", "Eq", 1], delete_by_filter_allow_partial=True,
                                     upsert_rows=[{"id": 1, "b": 1}], return_affected_ids=True)
    assert status == 200 and answer["deleted_ids"] == [1, 3, 5, 7] and answer["rows_remaining"] is True
    assert answer["upserted_ids"] == [1] and answer["rows_affected"] == 5
    assert [row["id"] for row in export(server, "n")[0]] == [0, 1, 2, 4, 6, 8, 9, 10]
    assert server.stop() == 0


def test_writes_are_pushed_back_while_the_indexer_is_behind(store):
    server = Mola(store, *QUICK, "--indexer", "off", "--unindexed-bytes-max", "2000")
    client, row = Client(server), {"id": 1, "s": random.Random(1).randbytes(1000).hex()}
    answers = [client.write("n", upsert_rows=[row]) for _ in range(5)]
    assert [status for status, _, _ in answers].count(200) < 5 and answers[-1][0] == 429
    assert "disable_backpressure" in answers[-1][1]["error"]
    for pressing, status in (({"upsert_rows": [row]}, 200), ({"deletes": [7]}, 200), ({"patch_rows": [{"id": 1}]}, 429),
                             ({"delete_by_filter": ["id", "Eq", 7]}, 429),
                             ({"upsert_rows": [row], "upsert_condition": ["id", "Eq", 1]}, 429)):
        assert client.write("n", **pressing, disable_backpressure=True)[0] == status, pressing
    assert client.write("n", schema={"later": "int"})[0] == 200
    assert client.write("n", upsert_rows=[{"id": 1, "s": 5}])[0] == 429
    assert server.stop() == 0
