"""The official Python SDK carries out the scenario table: runner.py TABLE BASE_URL FAULTS_URL. One line of JSON a scenario."""
import concurrent.futures
import inspect
import json
import sys
import threading
import time

import httpx2
import turbopuffer

THREADS = 8
DEADLINE_SECONDS = 30


class Runner:
    def __init__(self, base_url, faults_url):
        self.base_url, self.faults_url, self.clients, self.lock = base_url, faults_url, {}, threading.Lock()

    def client(self, options):
        """The client with these options; users keep theirs, too."""
        key = json.dumps(options, sort_keys=True)
        with self.lock:
            if key not in self.clients:
                self.clients[key] = self.new_client(**options)
            return self.clients[key]

    def new_client(self, api_key="tpuf_any", max_retries=0, region=None, closed=False, through=None, **options):
        base = f"{self.faults_url}/{through}" if through else "http://127.0.0.1:9" if closed else self.base_url
        base += "/{region}" if region else ""
        return turbopuffer.Turbopuffer(api_key=api_key, base_url=base, region=region, max_retries=max_retries, **options)

    def call(self, step):
        handler = getattr(self, "do_" + step["op"], None)
        client = self.client(step.get("client", {}))
        if handler:
            return handler(client, step)
        namespace = client.namespace(step["ns"])
        if step.get("raw"):
            return self.raw(getattr(namespace.with_raw_response, step["op"])(**self.arguments(step)))
        return answer_of(getattr(namespace, step["op"])(**self.arguments(step)))

    @staticmethod
    def arguments(step):
        """Members that the SDK does not know travel as users send what is newer than their SDK."""
        body = step.get("body", {})
        if step["op"] == "update_schema":
            return {"schema": body}
        known = known_arguments(step["op"])
        rest = {key: value for key, value in body.items() if key not in known}
        return {**{key: value for key, value in body.items() if key in known}, **({"extra_body": rest} if rest else {})}

    @staticmethod
    def raw(response):
        parsed = response.parse()
        return {"status": response.status_code, "headers": {k.lower(): v for k, v in response.headers.items()},
                "text": response.text(), "parsed": answer_of(parsed)}

    def do_exists(self, client, step):
        return client.namespace(step["ns"]).exists()

    def do_list(self, client, step):
        return {"ids": [entry.id for entry in client.namespaces(**step["body"])]}

    def do_list_page(self, client, step):
        page = client.namespaces(**step["body"])
        return {"ids": [entry.id for entry in page.namespaces], "next_cursor": page.next_cursor}

    def do_scan(self, client, step):
        """The export loop: pages in the order of ids, the next one behind the last id."""
        namespace, rows, pages, limit = client.namespace(step["ns"]), [], 0, step["page"]
        filters = step["body"].get("filters")
        while True:
            behind = ("id", "Gt", rows[-1]["id"]) if rows else None
            both = [f for f in (filters, behind) if f]
            request = {**step["body"], "rank_by": ("id", "asc"), "limit": limit}
            if both:
                request["filters"] = ("And", both)
            page = answer_of(namespace.query(**request))["rows"]
            rows, pages = rows + page, pages + 1
            if len(page) < limit:
                return {"rows": rows, "pages": pages}

    def do_poll(self, client, step):
        """Polls an operation until it has finished."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            operation = answer_of(client.namespace(step["ns"]).poll_copy_from(step["token"]))
            if operation["status"] != "running":
                return operation
            time.sleep(0.05)
        raise TimeoutError("the operation never finished")

    def do_settle(self, client, step):
        """Waits until everything written has been indexed, as bulk loaders do."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            try:
                if client.namespace(step["ns"]).metadata().index.status == "up-to-date":
                    return {}
            except turbopuffer.NotFoundError:
                return {}
            time.sleep(0.02)
        raise TimeoutError("the index never became up to date")

    def do_http(self, client, step):
        response = client.request(cast_to=httpx2.Response, options=turbopuffer._models.FinalRequestOptions.construct(
            method=step["method"].lower(), url=step["path"], json_data=step.get("body"), headers=step.get("headers", {})))
        return {"status": response.status_code, "headers": {k.lower(): v for k, v in response.headers.items()},
                "text": response.text, "parsed": response.json() if response.text.startswith(("{", "[")) else None}

    def do_together(self, client, step):
        with concurrent.futures.ThreadPoolExecutor(len(step["steps"])) as pool:
            return {"together": list(pool.map(self.outcome, step["steps"]))}

    def outcome(self, step):
        try:
            return {"ok": self.call(step)}
        except turbopuffer.APIStatusError as error:
            return {"error": {"class": type(error).__name__, "status": error.status_code, "body": error.body,
                              "headers": {k.lower(): v for k, v in error.response.headers.items()}}}
        except Exception as error:
            return {"error": {"class": type(error).__name__, "text": str(error)}}

    def scenario(self, scenario):
        answers, saved = [], {}
        for step in scenario["steps"]:
            answers.append(self.outcome(filled(step, saved)))
            for name, path in step.get("save", {}).items():
                saved[name] = looked_up(answers[-1].get("ok"), path)
        return {"name": scenario["name"], "answers": answers}


def known_arguments(method):
    return inspect.signature(getattr(turbopuffer.resources.namespaces.NamespacesResource, method)).parameters.keys()


def answer_of(value):
    """What a user sees of an answer: only the members that came over the wire."""
    if isinstance(value, turbopuffer.BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, dict):
        return {key: answer_of(item) for key, item in value.items()}
    return value


def looked_up(value, path):
    """`rows.0.id` of an answer; None where there is no such thing."""
    for part in path.split("."):
        try:
            value = value[int(part) if part.isdigit() else part]
        except (TypeError, KeyError, IndexError):
            return None
    return value


def filled(value, saved):
    """The step with "@name" replaced by what an earlier step saved."""
    if isinstance(value, str):
        return saved.get(value[1:], value) if value.startswith("@") else value
    if isinstance(value, dict):
        return {key: filled(item, saved) for key, item in value.items()}
    return [filled(item, saved) for item in value] if isinstance(value, list) else value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        table = json.load(file)
    runner = Runner(*sys.argv[2:])
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for report in pool.map(runner.scenario, table):
            print(json.dumps(report))


main()
