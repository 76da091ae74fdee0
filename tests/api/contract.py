"""Requests and answers against openapi/openapi.yaml, strictly: a member, a parameter, a status or a header field that the
document does not name is a problem, even where the other side may ignore it."""
import gzip
import http.client
import http.server
import json
import pathlib
import re
import threading
import urllib.parse

import jsonschema_rs
import yaml

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "openapi/openapi.yaml"
PLAIN_FIELDS = {"content-type", "content-length", "content-encoding", "date", "connection", "keep-alive", "allow", "etag"}
UNKNOWN = {"something_new", "colour", "index_prefixes"}  # members that tests send to see them ignored
# Beside `queries` nothing else is looked at, as the document says.
MULTI_QUERY = {"queries", "consistency", "vector_encoding", "rerank_by", "limit", "offset", "disable_cache"}
NUMBERS_MAX = 64  # longer lists of numbers are cut before they are looked at
WORDS_MAX = 300
DEPTH_MAX = 12  # each level of filters or scores doubles what a validator takes


def strict(schema):
    """The schema with every object closed that names its members and does not say what else it may have."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def trimmed(value, keep_null):
    """Long lists of numbers cut short; and, but for keep_null, without members that do not count in a request."""
    if isinstance(value, list):
        if len(value) > NUMBERS_MAX and all(type(item) in (int, float) for item in value):
            return value[:NUMBERS_MAX]
        return [trimmed(item, keep_null) for item in value]
    if isinstance(value, dict):
        return {key: trimmed(item, keep_null) for key, item in value.items()
                if keep_null or not (item is None or key in UNKNOWN)}
    return value


def depth(value):
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(map(depth, items), default=0)


def broken(value):
    """Whole numbers that are written with a fraction are no integers here, whatever JSON schema says."""
    if isinstance(value, list):
        return [broken(item) for item in value]
    if isinstance(value, dict):
        return {key: broken(item) for key, item in value.items()}
    return 0.5 if isinstance(value, float) and value.is_integer() else value


class Contract:
    def __init__(self, document=None, open_requests=False):
        """open_requests: those that are accepted may have unknown members and parameters, as the document says."""
        self.document = document or yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader)
        self.open_requests = open_requests
        self.validators = {}
        self.paths = [(re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path)) + "/?"), path) for path in self.document["paths"]]

    def resolve(self, node):
        while "$ref" in node:
            steps, node = node["$ref"].split("/")[1:], self.document
            for step in steps:
                node = node[step]
        return node

    def wrong(self, schema, value, closed=True):
        """What the schema has against the value, or None. closed: also members that it does not name."""
        key = json.dumps(schema, sort_keys=True), closed
        if key not in self.validators:
            whole = {**schema, "components": self.document["components"]}
            self.validators[key] = jsonschema_rs.Draft202012Validator(strict(whole) if closed else whole, validate_formats=True)
        error = next(iter(self.validators[key].iter_errors(value)), None)
        return error and f"at {'/'.join(map(str, error.instance_path))}: {error.message[:WORDS_MAX]}"

    def find(self, method, target):
        """(the template of the path or None, the operation or None, the query)."""
        path, _, query = target.partition("?")
        steps = path.split("/")
        if len(steps) > 2 and steps[1] not in ("v1", "v2") and steps[2] in ("v1", "v2"):
            path = "/" + "/".join(steps[2:])
        if path.count("/") > 3 and not path.endswith("/query"):
            path = path.replace("/v1/vectors/", "/v1/namespaces/", 1)
        for pattern, template in self.paths:
            if pattern.fullmatch(path):
                item = self.document["paths"][template]
                operation = item.get("get" if method == "HEAD" else method.lower())
                parameters = [self.resolve(p) for p in item.get("parameters", []) + (operation or {}).get("parameters", [])]
                return template, operation and {**operation, "parameters": parameters}, query
        return None, None, query

    def check(self, method, target, sent, body, status, fields, answer):
        """Problems of one exchange. `sent` and `fields` are header fields by names in lower case; bodies are bytes."""
        template, operation, query = self.find(method, target)
        try:
            answer = gzip.decompress(answer) if fields.get("content-encoding") == "gzip" else answer
            if not operation:
                return self.check_refusal(template, status, answer)
            problems = self.check_answer(operation, method, status, fields, answer)
            body = gzip.decompress(body) if sent.get("content-encoding") in ("gzip", "x-gzip") and status < 300 else body
            if status < 300 and "preference-applied" not in fields:  # of those only the operation can tell
                problems += self.check_parameters(operation, query, sent) + self.check_body(operation, body)
            elif status == 422 and not self.check_body(operation, body, refused=True):
                problems.append(f"422 ({answer[:WORDS_MAX].decode()}) for what the document allows: {body[:WORDS_MAX].decode()}")
        except (OSError, ValueError) as error:
            problems = [f"not readable: {error!r}"]
        return [f"{operation['operationId']}: {problem}" for problem in problems]

    def check_refusal(self, template, status, answer):
        """Of what has no operation: only the prose of the document speaks of it."""
        if status not in (400, 401, 404, 405, 501):
            return [f"status {status} for no operation, {template}"]
        wrong = answer and self.wrong({"$ref": "#/components/schemas/Error"}, json.loads(answer))
        return [f"refusal: {wrong}"] if wrong else []

    def check_answer(self, operation, method, status, fields, answer):
        response = operation["responses"].get(str(status))
        if response is None:
            return [f"undocumented status {status}: {answer[:WORDS_MAX]}"]
        response = self.resolve(response)
        known = {name.lower(): field for name, field in response.get("headers", {}).items()}
        known["x-turbopuffer-client-telemetry-sample-rate"] = {}
        problems = [f"undocumented field {name}" for name in fields if name not in known and name not in PLAIN_FIELDS]
        problems += [f"field {name} is missing" for name, field in known.items() if field.get("required") and name not in fields]
        if "x-request-id" not in fields:
            problems.append("no X-Request-Id")
        kind = fields.get("content-type", "").split(";")[0]
        if kind not in response["content"]:
            return problems + [f"{status} as {kind}"]
        if kind == "application/json" and method != "HEAD":
            wrong = self.wrong(response["content"][kind]["schema"], trimmed(json.loads(answer), True))
            problems += [f"{status} {wrong}"] if wrong else []
        return problems

    def check_parameters(self, operation, query, sent):
        known = {p["name"]: p["schema"] for p in operation["parameters"] if p["in"] == "query"}
        given = urllib.parse.parse_qsl(query, keep_blank_values=True)
        problems = [f"undocumented parameter {name}" for name, _ in given if name not in known and not self.open_requests]
        headers = [(p["schema"], sent[p["name"].lower()]) for p in operation["parameters"]
                   if p["in"] == "header" and p["name"].lower() in sent]
        for schema, text in [(known[name], text) for name, text in given if name in known] + headers:
            number = schema.get("type") == "integer" and text.isdigit()
            wrong = self.wrong(schema, int(text) if number else text)
            problems += [f"parameter {wrong}"] if wrong else []
        return problems

    def check_body(self, operation, body, refused=False):
        if "requestBody" not in operation:
            return []
        asked = self.resolve(operation["requestBody"])
        if not body.strip():
            return ["accepted without a body"] if asked["required"] else []
        value = trimmed(json.loads(body), refused)
        if isinstance(value, dict) and "queries" in value:
            value = {key: item for key, item in value.items() if key in MULTI_QUERY}
            if isinstance(value.get("limit"), dict) and not refused:
                value["limit"].pop("per", None)
        if depth(value) > DEPTH_MAX:
            return ["too deep to be looked at"] if refused else []
        wrong = self.wrong(asked["content"]["application/json"]["schema"], broken(value) if refused else value,
                           closed=not (refused or self.open_requests))
        return [f"accepted: {wrong}: {body[:WORDS_MAX]}"] if wrong else []


HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}


class Watch:
    """A proxy before a server of the tests that holds each exchange against the contract."""

    def __init__(self, contract, target_port):
        self.contract, self.target_port = contract, target_port  # the latter is a function: servers restart
        self.problems, self.seen, self.lock = [], {}, threading.Lock()
        self.front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.front.daemon_threads = True
        self.port = self.front.server_address[1]
        threading.Thread(target=self.front.serve_forever, daemon=True).start()

    def handler(watch):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def relay(self):
                watch.relay(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = relay

            def log_message(self, *_):
                pass

        return Handler

    @staticmethod
    def body_of(request):
        if "chunked" not in request.headers.get("Transfer-Encoding", ""):
            return request.rfile.read(int(request.headers.get("Content-Length", 0)))
        parts = []
        while size := int(request.rfile.readline().split(b";")[0], 16):
            parts.append(request.rfile.read(size))
            request.rfile.readline()
        request.rfile.readline()
        return b"".join(parts)

    def forward(self, request, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target_port(), timeout=300)
        try:
            connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or request.headers.get("Content-Length") or request.headers.get("Transfer-Encoding"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def relay(self, request):
        try:
            body = self.body_of(request)
            status, fields, answer = self.forward(request, body)
            request.send_response_only(status)
            for name, value in fields:
                if name.lower() not in HOP_BY_HOP:
                    request.send_header(name, value)
            size = dict(fields).get("Content-Length") if request.command == "HEAD" else len(answer)
            request.send_header("Content-Length", str(size))
            request.end_headers()
            self.judge(request, body, status, fields, answer)
            request.wfile.write(answer)
        except (OSError, http.client.HTTPException):
            request.close_connection = True  # the server was killed, or the client went away

    def judge(self, request, body, status, fields, answer):
        lower = lambda items: {name.lower(): value for name, value in items}
        problems = self.contract.check(request.command, request.path, lower(request.headers.items()), body, status, lower(fields), answer)
        operation = self.contract.find(request.command, request.path)[1]
        with self.lock:
            self.problems += problems
            if operation:
                key = operation["operationId"], status
                self.seen[key] = self.seen.get(key, 0) + 1

    def close(self):
        """Ends the proxy; what was wrong, each once."""
        self.front.shutdown()
        self.front.server_close()
        return list(dict.fromkeys(self.problems))
