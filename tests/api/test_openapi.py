"""openapi/openapi.yaml is complete and true: the routes, its own examples, requests made up from it, a client generated from it."""
import copy
import os
import re
import subprocess

import pytest
from contract import DOCUMENT, Contract
from mola import ROOT, Mola

TOOLS = ROOT / ".venv-contract/bin"
ROWS = {"upsert_rows": [{"id": i, "vector": [0.1 * i, 0.2], "title": f"book {i}", "pages": i, "tags": ["a", "b"][:i % 3]}
                        for i in range(20)],
        "distance_metric": "cosine_distance", "schema": {"title": {"type": "string", "filterable": True}}}


@pytest.fixture
def stocked():
    server = Mola("mem:").watched(open_requests=True)
    for name in ("books", "notes"):
        assert server.ask("POST", f"/v2/namespaces/{name}", ROWS)[0] == 200
    yield server
    server.unwatched()
    assert server.stop() == 0


def operations(document):
    for path, item in document["paths"].items():
        for method in ("get", "post", "patch", "delete"):
            if method in item:
                yield path, method.upper(), item[method]


def test_the_server_hands_out_the_document_itself(server):
    status, text, fields = server.ask("GET", "/openapi.yaml", headers={"Authorization": ""})
    assert status == 200 and text == DOCUMENT.read_bytes()
    assert fields["content-type"] == "application/yaml" and "max-age" in fields["cache-control"] and fields["etag"]
    assert server.ask("POST", "/openapi.yaml", {})[0] == 405


def test_the_document_is_valid_openapi():
    done = subprocess.run([TOOLS / "openapi-spec-validator", DOCUMENT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_is_what_it_is_an_example_of():
    contract, seen = Contract(), 0
    components = contract.document["components"]
    for name, part in [*components["requestBodies"].items(), *components["responses"].items()]:
        for content in part["content"].values():
            examples = [e["value"] for e in content.get("examples", {}).values()] + [content[k] for k in ("example",) if k in content]
            assert examples or content["schema"] == {"type": "object"}, name
            for example in examples:
                assert not contract.wrong(content["schema"], example), (name, example)
                seen += 1
    assert seen > 40


def test_every_route_of_the_table_is_documented():
    table = (ROOT / "src/api/route.c").read_text()
    named = [(method, f"/v{v}/namespaces/{{namespace}}{tail and '/' + tail}" + "{token}" * tail.endswith("/"))
             for method, tail in re.findall(r'NAMED\("(\w+)", "([^"]*)"', table) for v in (1, 2)]
    probes = [("GET", path) for path in re.findall(r'PROBE\("([^"]*)"\)', table)]
    documented = {(method, path) for path, method, _ in operations(Contract().document)}
    assert len(named) > 20 and len(probes) >= 6
    assert {*named, *probes, ("GET", "/v1/namespaces"), ("GET", "/v2/namespaces")} <= documented


def test_every_operation_is_served(stocked):
    contract = Contract()
    for path, method, operation in operations(contract.document):
        body = None
        if "requestBody" in operation:
            content = contract.resolve(operation["requestBody"])["content"]["application/json"]
            body = content.get("example") or next(iter(content["examples"].values()))["value"]
        at = path.replace("{namespace}", "spare").replace("{token}", "none")
        if stocked.ask("GET", "/v1/namespaces/spare/schema")[0] == 404:
            assert stocked.ask("POST", "/v2/namespaces/spare", ROWS)[0] == 200
        status, answer, fields = stocked.ask(method, at, body)
        refused = status == 405 or (status == 404 and answer["error"] == "no such route")
        assert not refused, (method, path, answer)
        assert status < 500 and fields["x-request-id"]


# What is taken out of the document, and the exchange that then must be a problem.
MISSING = [
    ("components/schemas/WriteResponse/properties/rows_upserted", "POST", "/v2/namespaces/n", ROWS),
    ("components/schemas/WriteRequest/properties/upsert_rows", "POST", "/v2/namespaces/n", ROWS),
    ("components/schemas/QueryPerformance/properties/storage_roundtrips", "POST", "/v2/namespaces/books/query", {"limit": 1}),
    ("components/schemas/Metadata/properties/index", "GET", "/v1/namespaces/books/metadata", None),
    ("components/schemas/Encryption/properties/sse", "GET", "/v1/namespaces/books/metadata", None),
    ("components/schemas/Error/properties/error", "GET", "/v1/namespaces/none/schema", None),
    ("components/responses/Found/headers/mola-seq", "POST", "/v2/namespaces/books/query", {"limit": 1}),
    ("paths/~1v1~1namespaces~1{namespace}~1schema/get/responses/404", "GET", "/v1/namespaces/none/schema", None),
    ("paths/~1v1~1namespaces/get/parameters/1", "GET", "/v1/namespaces?prefix=b", None),
    ("paths/~1v2~1namespaces~1{namespace}~1query/post", "POST", "/v2/namespaces/books/query", {"limit": 1}),
    ("components/schemas/FilterCompare/prefixItems/1/enum/2", "POST", "/v2/namespaces/books/query", {"limit": 1, "filters": ["pages", "Lt", 3]}),
]


def test_what_is_missing_in_the_document_is_noticed(stocked):
    whole = Contract()
    for pointer, method, path, body in MISSING:
        document = copy.deepcopy(whole.document)
        steps = [step.replace("~1", "/") for step in pointer.split("/")]
        node = document
        for step in steps[:-1]:
            node = node[int(step) if isinstance(node, list) else step]
        del node[int(steps[-1]) if isinstance(node, list) else steps[-1]]
        watch, stocked.watch = stocked.watch, None
        stocked.watched(document=document)
        assert stocked.ask(method, path, body)[0] in (200, 404)
        assert stocked.watch.close(), f"nobody misses {pointer}"
        stocked.watch = watch


def test_requests_made_up_from_the_document(stocked, tmp_path):
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
    command = [TOOLS / "schemathesis", "--config-file", ROOT / "tests/api/schemathesis.toml", "run", stocked.base_url + "/openapi.yaml",
               "--header", "Authorization: Bearer any", "--checks", checks,
               "--phases", "examples,coverage", "--max-time", "140", "--seed", "1",
               "--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--warnings", "off"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=170, cwd=tmp_path,
                          env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "tests/api")})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    accepted = sum(count for (_, status), count in stocked.watch.seen.items() if status < 300)
    assert sum(stocked.watch.seen.values()) > 500 and accepted > 100


def test_a_generated_client_writes_and_queries(server, tmp_path):
    jar, = ROOT.glob(".venv-contract/lib/python*/site-packages/openapi_generator_cli/openapi-generator.jar")
    made = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", jar, "generate", "-i", DOCUMENT, "-g", "python",
                           "-o", tmp_path / "client", "--additional-properties", "packageName=mola_client", "--global-property",
                           "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert "ERROR" not in made.stdout + made.stderr
    done = subprocess.run([TOOLS / "python", ROOT / "tests/api/generated_client.py", tmp_path / "client", server.base_url],
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip() == "OK", done.stdout + done.stderr
