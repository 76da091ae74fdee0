// The official Java SDK carries out the scenario table: java -cp JARS Runner.java TABLE BASE_URL FAULTS_URL. One line of JSON a scenario.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.turbopuffer.client.TurbopufferClient;
import com.turbopuffer.client.okhttp.TurbopufferOkHttpClient;
import com.turbopuffer.core.ObjectMappers;
import com.turbopuffer.core.http.HttpResponse;
import com.turbopuffer.errors.NotFoundException;
import com.turbopuffer.errors.TurbopufferServiceException;
import com.turbopuffer.models.ClientNamespacesPage;
import com.turbopuffer.models.ClientNamespacesParams;
import com.turbopuffer.models.namespaces.AttributeSchemaConfig;
import com.turbopuffer.models.namespaces.NamespaceExplainQueryParams;
import com.turbopuffer.models.namespaces.NamespaceMultiQueryParams;
import com.turbopuffer.models.namespaces.NamespaceMultiQueryResponse;
import com.turbopuffer.models.namespaces.NamespaceQueryParams;
import com.turbopuffer.models.namespaces.NamespaceQueryResponse;
import com.turbopuffer.models.namespaces.NamespaceRecallParams;
import com.turbopuffer.models.namespaces.NamespaceUpdateSchemaParams;
import com.turbopuffer.models.namespaces.NamespaceWriteParams;
import com.turbopuffer.models.namespaces.NamespaceWriteResponse;
import com.turbopuffer.models.namespaces.Schema;
import com.turbopuffer.services.blocking.NamespaceService;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Runner {
    static final int THREADS = 8;
    static final long DEADLINE_MS = 30000;
    static final JsonMapper JSON = ObjectMappers.jsonMapper();
    static final Map<Integer, String> CLASSES = Map.of(400, "BadRequestException", 401, "UnauthorizedException", 403,
        "PermissionDeniedException", 404, "NotFoundException", 422, "UnprocessableEntityException", 429, "RateLimitException");

    final String baseUrl;
    final String faultsUrl;
    final Map<JsonNode, TurbopufferClient> clients = new HashMap<>();
    final HttpClient plainHttp = HttpClient.newHttpClient();

    Runner(String baseUrl, String faultsUrl) {
        this.baseUrl = baseUrl;
        this.faultsUrl = faultsUrl;
    }

    /** What the server refused, when no method of the SDK carried the request. */
    static class Refused extends Exception {
        final int status;
        final JsonNode body;

        Refused(int status, JsonNode body) {
            this.status = status;
            this.body = body;
        }
    }

    /** The client with these options; users keep theirs, too. */
    synchronized TurbopufferClient client(JsonNode options) {
        return clients.computeIfAbsent(options, key -> {
            String base = options.has("through") ? faultsUrl + "/" + options.get("through").asText()
                : options.has("closed") ? "http://127.0.0.1:9" : baseUrl;
            base += options.has("region") ? "/{region}" : "";
            var builder = TurbopufferOkHttpClient.builder().baseUrl(base).apiKey(options.path("api_key").asText("tpuf_any"))
                .maxRetries(options.path("max_retries").asInt(0));
            if (options.has("region"))
                builder.region(options.get("region").asText());
            if (options.has("timeout"))
                builder.timeout(Duration.ofMillis((long) (options.get("timeout").asDouble() * 1000)));
            return builder.build();
        });
    }

    /** A body as the type of the SDK: members that it has no type for become its additional properties. */
    static <T> T typed(JsonNode body, Class<T> type) {
        return JSON.convertValue(body, type);
    }

    static JsonNode tree(Object value) {
        return JSON.valueToTree(value);
    }

    static NamespaceWriteParams write(JsonNode body) {
        return NamespaceWriteParams.builder().body(typed(body, NamespaceWriteParams.Body.class)).build();
    }

    static NamespaceQueryParams query(JsonNode body) {
        return NamespaceQueryParams.builder().body(typed(body, NamespaceQueryParams.Body.class)).build();
    }

    JsonNode answered(NamespaceQueryResponse answer) {
        answer.billing().validate();
        answer.performance().validate();
        return tree(answer);
    }

    JsonNode answered(NamespaceMultiQueryResponse answer) {
        answer.billing().validate();
        answer.performance().validate();
        return tree(answer);
    }

    /** Definitions that are objects have a type here; the short form does not. */
    JsonNode updateSchema(NamespaceService ns, String path, JsonNode body) throws Exception {
        Map<String, AttributeSchemaConfig> definitions = new LinkedHashMap<>();
        for (var entries = body.fields(); entries.hasNext();) {
            var entry = entries.next();
            if (!entry.getValue().isObject())
                return newer("POST", path, body);
            definitions.put(entry.getKey(), typed(entry.getValue(), AttributeSchemaConfig.class));
        }
        return tree(ns.updateSchema(NamespaceUpdateSchemaParams.builder().schema(new Schema(definitions)).build()));
    }

    JsonNode raw(HttpResponse response) throws IOException {
        try (response) {
            ObjectNode headers = JSON.createObjectNode();
            for (String name : response.headers().names())
                headers.put(name.toLowerCase(), String.join(", ", response.headers().values(name)));
            return raw(response.statusCode(), headers, new String(response.body().readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    static JsonNode raw(int status, ObjectNode headers, String text) throws IOException {
        ObjectNode out = JSON.createObjectNode().put("status", status).put("text", text);
        out.set("headers", headers);
        out.set("parsed", text.startsWith("{") || text.startsWith("[") ? JSON.readTree(text) : null);
        return out;
    }

    /** A request that this version of the SDK has no method for. */
    JsonNode http(String method, String path, JsonNode body, JsonNode headers) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(baseUrl + path)).header("Authorization", "Bearer tpuf_any")
            .header("Content-Type", "application/json").method(method, body == null || body.isMissingNode()
                ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body.toString()));
        headers.fields().forEachRemaining(entry -> request.header(entry.getKey(), entry.getValue().asText()));
        var response = plainHttp.send(request.build(), java.net.http.HttpResponse.BodyHandlers.ofString());
        ObjectNode seen = JSON.createObjectNode();
        response.headers().map().forEach((name, values) -> seen.put(name.toLowerCase(), String.join(", ", values)));
        JsonNode out = raw(response.statusCode(), seen, response.body());
        if (response.statusCode() >= 400)
            throw new Refused(response.statusCode(), out.get("parsed"));
        return out;
    }

    JsonNode newer(String method, String path, JsonNode body) throws Exception {
        return http(method, path, body, JSON.createObjectNode()).get("parsed");
    }

    JsonNode call(JsonNode step) throws Exception {
        TurbopufferClient client = client(step.has("client") ? step.get("client") : JSON.createObjectNode());
        NamespaceService ns = step.has("ns") ? client.namespace(step.get("ns").asText()) : null;
        JsonNode body = step.path("body");
        String path = "/namespaces/" + step.path("ns").asText();
        switch (step.get("op").asText()) {
            case "write":
                if (step.has("raw"))
                    return raw(ns.withRawResponse().write(write(body)));
                NamespaceWriteResponse written = ns.write(write(body));
                return tree(written.validate());
            case "query":
                return step.has("raw") ? raw(ns.withRawResponse().query(query(body))) : answered(ns.query(query(body)));
            case "multi_query":
                return answered(ns.multiQuery(NamespaceMultiQueryParams.builder()
                    .body(typed(body, NamespaceMultiQueryParams.Body.class)).build()));
            case "explain_query":
                return tree(ns.explainQuery(NamespaceExplainQueryParams.builder()
                    .body(typed(body, NamespaceExplainQueryParams.Body.class)).build()));
            case "recall":
                return tree(ns.recall(NamespaceRecallParams.builder().body(typed(body, NamespaceRecallParams.Body.class)).build()));
            case "update_schema":
                return updateSchema(ns, "/v1" + path + "/schema", body);
            case "schema":
                return step.has("raw") ? raw(ns.withRawResponse().schema()) : tree(ns.schema());
            case "metadata":
                return step.has("raw") ? raw(ns.withRawResponse().metadata()) : tree(ns.metadata());
            case "delete_all":
                return tree(ns.deleteAll().validate());
            case "hint_cache_warm":
                return tree(ns.hintCacheWarm().validate());
            case "exists":
                return exists(ns);
            case "list":
                return list(client, body);
            case "list_page":
                return listPage(client, body);
            case "scan":
                return scan(ns, step);
            case "copy_from":
                return tree(ns.write(write(JSON.createObjectNode().set("copy_from_namespace", body))).validate());
            case "branch_from":
                return tree(ns.write(write(JSON.createObjectNode().set("branch_from_namespace", body))).validate());
            case "start_copy_from":
                return newer("POST", "/v2" + path + "/async", JSON.createObjectNode().set("copy_from_namespace", body));
            case "update_metadata":
                return newer("PATCH", "/v1" + path + "/metadata", body);
            case "poll":
                return poll("/v1" + path + "/operations/" + step.get("token").asText());
            case "settle":
                return settle(ns);
            case "http":
                return http(step.get("method").asText(), step.get("path").asText(), step.get("body"),
                    step.has("headers") ? step.get("headers") : JSON.createObjectNode());
            case "together":
                return together(step.get("steps"));
            default:
                throw new IllegalArgumentException("unknown operation " + step.get("op"));
        }
    }

    JsonNode exists(NamespaceService ns) {
        try {
            ns.schema();
            return JSON.getNodeFactory().booleanNode(true);
        } catch (NotFoundException missing) {
            return JSON.getNodeFactory().booleanNode(false);
        }
    }

    static ClientNamespacesPage namespaces(TurbopufferClient client, JsonNode body) {
        var params = ClientNamespacesParams.builder();
        if (body.has("prefix"))
            params.prefix(body.get("prefix").asText());
        if (body.has("page_size"))
            params.pageSize(body.get("page_size").asInt());
        if (body.has("cursor"))
            params.cursor(body.get("cursor").asText());
        return client.namespaces(params.build());
    }

    static JsonNode list(TurbopufferClient client, JsonNode body) {
        ArrayNode ids = JSON.createArrayNode();
        namespaces(client, body).autoPager().forEach(entry -> ids.add(entry.id()));
        return JSON.createObjectNode().set("ids", ids);
    }

    static JsonNode listPage(TurbopufferClient client, JsonNode body) {
        ArrayNode ids = JSON.createArrayNode();
        ClientNamespacesPage page = namespaces(client, body);
        page.namespaces().forEach(entry -> ids.add(entry.id()));
        ObjectNode out = JSON.createObjectNode().put("next_cursor", page.nextCursor().orElse(null));
        return out.set("ids", ids);
    }

    /** The export loop: pages in the order of ids, the next one behind the last id. */
    static JsonNode scan(NamespaceService ns, JsonNode step) {
        ArrayNode rows = JSON.createArrayNode();
        for (int pages = 1;; pages++) {
            ObjectNode request = (ObjectNode) step.get("body").deepCopy();
            ArrayNode both = JSON.createArrayNode();
            if (request.has("filters"))
                both.add(request.get("filters"));
            if (!rows.isEmpty())
                both.addArray().add("id").add("Gt").add(rows.get(rows.size() - 1).get("id"));
            if (!both.isEmpty())
                request.putArray("filters").add("And").add(both);
            request.putArray("rank_by").add("id").add("asc");
            request.set("limit", step.get("page"));
            JsonNode page = tree(ns.query(query(request))).get("rows");
            page.forEach(rows::add);
            if (page.size() < step.get("page").asInt())
                return JSON.createObjectNode().put("pages", pages).set("rows", rows);
        }
    }

    JsonNode poll(String path) throws Exception {
        for (long end = System.currentTimeMillis() + DEADLINE_MS; System.currentTimeMillis() < end; Thread.sleep(50)) {
            JsonNode operation = newer("GET", path, null);
            if (!operation.path("status").asText().equals("running"))
                return operation;
        }
        throw new IllegalStateException("the operation never finished");
    }

    /** Waits until everything written has been indexed, as bulk loaders do. */
    JsonNode settle(NamespaceService ns) throws Exception {
        for (long end = System.currentTimeMillis() + DEADLINE_MS; System.currentTimeMillis() < end; Thread.sleep(20)) {
            try {
                if (tree(ns.metadata()).path("index").path("status").asText().equals("up-to-date"))
                    return JSON.createObjectNode();
            } catch (NotFoundException missing) {
                return JSON.createObjectNode();
            }
        }
        throw new IllegalStateException("the index never became up to date");
    }

    JsonNode together(JsonNode steps) throws Exception {
        List<Callable<JsonNode>> calls = new ArrayList<>();
        steps.forEach(step -> calls.add(() -> outcome(step)));
        ExecutorService pool = Executors.newFixedThreadPool(calls.size());
        ArrayNode answers = JSON.createArrayNode();
        for (Future<JsonNode> answer : pool.invokeAll(calls))
            answers.add(answer.get());
        pool.shutdown();
        return JSON.createObjectNode().set("together", answers);
    }

    JsonNode outcome(JsonNode step) {
        ObjectNode error = JSON.createObjectNode();
        try {
            return JSON.createObjectNode().set("ok", call(step));
        } catch (TurbopufferServiceException refused) {
            ObjectNode headers = JSON.createObjectNode();
            for (String name : refused.headers().names())
                headers.put(name.toLowerCase(), String.join(", ", refused.headers().values(name)));
            error.put("class", refused.getClass().getSimpleName()).put("status", refused.statusCode());
            error.set("body", tree(refused.body()));
            error.set("headers", headers);
        } catch (Refused refused) {
            error.put("class", CLASSES.getOrDefault(refused.status, "UnexpectedStatusCodeException")).put("status", refused.status);
            error.set("body", refused.body);
        } catch (Exception other) {
            error.put("class", other.getClass().getSimpleName()).put("text", String.valueOf(other));
        }
        return JSON.createObjectNode().set("error", error);
    }

    /** `rows.0.id` of an answer; missing where there is no such thing. */
    static JsonNode lookedUp(JsonNode value, String path) {
        for (String part : path.split("\\."))
            value = part.chars().allMatch(Character::isDigit) ? value.path(Integer.parseInt(part)) : value.path(part);
        return value;
    }

    /** The step with "@name" replaced by what an earlier step saved. */
    static JsonNode filled(JsonNode value, Map<String, JsonNode> saved) {
        if (value.isTextual() && value.asText().startsWith("@"))
            return saved.getOrDefault(value.asText().substring(1), value);
        if (value.isArray()) {
            ArrayNode out = JSON.createArrayNode();
            value.forEach(item -> out.add(filled(item, saved)));
            return out;
        }
        if (!value.isObject())
            return value;
        ObjectNode out = JSON.createObjectNode();
        value.fields().forEachRemaining(entry -> out.set(entry.getKey(), filled(entry.getValue(), saved)));
        return out;
    }

    String play(JsonNode scenario) throws IOException {
        Map<String, JsonNode> saved = new HashMap<>();
        ObjectNode report = JSON.createObjectNode().put("name", scenario.get("name").asText());
        ArrayNode answers = report.putArray("answers");
        for (JsonNode step : scenario.get("steps")) {
            JsonNode answer = outcome(filled(step, saved));
            answers.add(answer);
            step.path("save").fields().forEachRemaining(
                entry -> saved.put(entry.getKey(), lookedUp(answer.path("ok"), entry.getValue().asText())));
        }
        return JSON.writeValueAsString(report);
    }

    public static void main(String[] arguments) throws Exception {
        Runner runner = new Runner(arguments[1], arguments[2]);
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        List<Future<String>> reports = new ArrayList<>();
        for (JsonNode scenario : JSON.readTree(new File(arguments[0])))
            reports.add(pool.submit(() -> runner.play(scenario)));
        StringBuilder out = new StringBuilder();
        for (Future<String> report : reports)
            out.append(report.get()).append('\n');
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        System.exit(0);
    }
}
