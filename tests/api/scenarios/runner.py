"""The official Python SDK carries out the scenario table: runner.py sync|async TABLE BASE_URL FAULTS_URL. One line of JSON
a scenario. Its asynchronous client has another transport; here one event loop serves all threads."""
import asyncio
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
    def __init__(self, kind, base_url, faults_url):
        self.base_url, self.faults_url, self.clients, self.lock = base_url, faults_url, {}, threading.Lock()
        self.kind = turbopuffer.AsyncTurbopuffer if kind == "async" else turbopuffer.Turbopuffer
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def wait(self, value):
        """What a call gives; the asynchronous client gives something to wait for."""
        if not inspect.isawaitable(value):
            return value

        async def waiting():
            return await value
        return asyncio.run_coroutine_threadsafe(waiting(), self.loop).result()

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

        async def made():
            return self.kind(api_key=api_key, base_url=base, region=region, max_retries=max_retries, **options)
        return self.wait(made())

    def call(self, step):
        handler = getattr(self, "do_" + step["op"], None)
        client = self.client(step.get("client", {}))
        if handler:
            return handler(client, step)
        namespace = client.namespace(step["ns"])
        if step.get("raw"):
            return self.raw(self.wait(getattr(namespace.with_raw_response, step["op"])(**self.arguments(step))))
        return answer_of(self.wait(getattr(namespace, step["op"])(**self.arguments(step))))

    @staticmethod
    def arguments(step):
        """Members that the SDK does not know travel as users send what is newer than their SDK."""
        body = step.get("body", {})
        if step["op"] == "update_schema":
            return {"schema": body}
        known = known_arguments(step["op"])
        rest = {key: value for key, value in body.items() if key not in known}
        return {**{key: value for key, value in body.items() if key in known}, **({"extra_body": rest} if rest else {})}

    def raw(self, response):
        parsed = self.wait(response.parse())
        return {"status": response.status_code, "headers": {k.lower(): v for k, v in response.headers.items()},
                "text": self.wait(response.text()), "parsed": answer_of(parsed)}

    def do_exists(self, client, step):
        return self.wait(client.namespace(step["ns"]).exists())

    def do_list(self, client, step):
        entries = client.namespaces(**step["body"])

        async def collected():
            return [entry async for entry in entries]
        return {"ids": [entry.id for entry in (self.wait(collected()) if hasattr(entries, "__aiter__") else entries)]}

    def do_list_page(self, client, step):
        page = self.wait(client.namespaces(**step["body"]))
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
            page = answer_of(self.wait(namespace.query(**request)))["rows"]
            rows, pages = rows + page, pages + 1
            if len(page) < limit:
                return {"rows": rows, "pages": pages}

    def do_poll(self, client, step):
        """Polls an operation until it has finished."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            operation = answer_of(self.wait(client.namespace(step["ns"]).poll_copy_from(step["token"])))
            if operation["status"] != "running":
                return operation
            time.sleep(0.05)
        raise TimeoutError("the operation never finished")

    def do_settle(self, client, step):
        """Waits until everything written has been indexed, as bulk loaders do."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            try:
                if self.wait(client.namespace(step["ns"]).metadata()).index.status == "up-to-date":
                    return {}
            except turbopuffer.NotFoundError:
                return {}
            time.sleep(0.02)
        raise TimeoutError("the index never became up to date")

    def do_http(self, client, step):
        response = self.wait(client.request(cast_to=httpx2.Response, options=turbopuffer._models.FinalRequestOptions.construct(
            method=step["method"].lower(), url=step["path"], json_data=step.get("body"), headers=step.get("headers", {}))))
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
    kind, file, *urls = sys.argv[1:]
    with open(file, encoding="utf-8") as text:
        table = json.load(text)
    runner = Runner(kind, *urls)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for report in pool.map(runner.scenario, table):
            print(json.dumps(report))


main()
