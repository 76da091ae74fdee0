/* serve.c - mola serve: starts the floors in order and stops them in the reverse one. */
#include "http/http.h"
#include "models.h"
#include "mola/api/api.h"
#include "mola/write/write.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADS_BYTES_MAX = 64 << 20, GROUP_BYTES_MAX = 16 << 20, GZIP_FROM_BYTES = 1024 };

/* Everything that runs, in the order of starting. */
typedef struct {
    mola_process process;
    mola_budget bodies;
    mola_executor *executor;
    mola_namespaces *namespaces;
    mola_indexer *indexer;   /* NULL: it is elsewhere */
    mola_provider *provider; /* NULL: no models */
    mola_writer *writer;
    mola_api *api;
    mola_http *http;
    char address[64];
    char *keys; /* the configured ones, one a line */
} server;

/* "ADDRESS:PORT", "[V6]:PORT" or ":PORT". */
static mola_err parse_listen(server *s, uint16_t *port)
{
    const char *text = s->process.config.listen, *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long number =
        colon && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : UINT16_MAX + 1ul;
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (!colon || !end || *end || number > UINT16_MAX || size >= sizeof s->address) {
        return mola_fail(&s->process.why, MOLA_INVALID, "listen: \"%s\" is not ADDRESS:PORT",
                         s->process.config.listen);
    }
    memcpy(s->address, size ? text : "0.0.0.0", size ? size : sizeof "0.0.0.0");
    *port = (uint16_t)number;
    return MOLA_OK;
}

/* An indexer in this process learns of new log directly. */
static void unindexed(void *of, mola_str name, const mola_view *view)
{
    server *s = of;
    if (s->indexer)
        mola_indexer_grew(s->indexer, name, view);
}

static mola_err is_indexer(server *s, bool *inlined)
{
    *inlined = strcmp(s->process.config.indexer, "on") == 0;
    if (*inlined || strcmp(s->process.config.indexer, "off") == 0)
        return MOLA_OK;
    return mola_fail(&s->process.why, MOLA_INVALID, "indexer: \"%s\" is not on or off",
                     s->process.config.indexer);
}

static mola_err start_indexer(server *s)
{
    mola_indexer_config index = mola_process_indexer(&s->process);
    index.serving = s->namespaces;
    index.poll_ns = 0; /* hints are for indexers elsewhere */
    return mola_indexer_open(&index, &s->indexer, &s->process.why);
}

static mola_err start_engine(server *s)
{
    const mola_config *c = &s->process.config;
    bool inlined;
    mola_err err = is_indexer(s, &inlined);
    if (err)
        return err;
    mola_executor_config threads = mola_executor_defaults();
    err = mola_executor_open(s->process.env, &threads, &s->executor);
    if (err)
        return mola_fail(&s->process.why, err, "cannot start the executor");
    mola_namespaces_config names = {.env = s->process.env,
                                    .view_bytes_max = c->view_bytes_max,
                                    .fence_ns = c->fence_seconds * MOLA_SECOND,
                                    .unindexed = inlined ? unindexed : NULL,
                                    .unindexed_of = s,
                                    .hints = !inlined,
                                    .pins = true};
    err = mola_namespaces_open(&names, &s->namespaces);
    if (err)
        return mola_fail(&s->process.why, err, "cannot open the namespaces");
    if (inlined && (err = start_indexer(s)))
        return err;
    if ((err = mola_models_open(&s->process, &s->provider)))
        return err;
    mola_writer_config writes = {.env = s->process.env,
                                 .namespaces = s->namespaces,
                                 .executor = s->executor,
                                 .provider = s->provider,
                                 .window_ns = c->commit_window_ms * MOLA_MILLISECOND,
                                 .group_bytes_max = GROUP_BYTES_MAX,
                                 .commit_ns_max = c->commit_seconds * MOLA_SECOND,
                                 .waiting_max = (uint32_t)c->writes_waiting_max,
                                 .limits = {.unindexed_bytes_max = c->unindexed_bytes_max,
                                            .delete_by_filter_max = c->delete_by_filter_max,
                                            .patch_by_filter_max = c->patch_by_filter_max,
                                            .patch_by_filter_bytes = c->request_bytes_max}};
    err = mola_writer_open(&writes, &s->writer);
    return err ? mola_fail(&s->process.why, err, "cannot open the writer") : MOLA_OK;
}

static mola_err start_front(server *s)
{
    const mola_config *c = &s->process.config;
    const mola_kernel *kernel = mola_kernel_select(c->kernel[0] ? c->kernel : NULL);
    if (!kernel) {
        return mola_fail(&s->process.why, MOLA_INVALID,
                         "kernel: \"%s\" is unknown, or this CPU cannot run it", c->kernel);
    }
    if ((s->keys = strdup(c->api_keys)) == NULL)
        return mola_fail(&s->process.why, MOLA_NO_MEMORY, "no memory");
    for (char *p = s->keys; *p; p++) {
        if (*p == ',')
            *p = '\n';
    }
    s->bodies.limit = c->body_bytes_max;
    mola_api_config api = {.env = s->process.env,
                           .kernel = kernel,
                           .executor = s->executor,
                           .namespaces = s->namespaces,
                           .writer = s->writer,
                           .provider = s->provider,
                           .bodies = &s->bodies,
                           .keys = mola_str_of(s->keys),
                           .keys_file = c->api_keys_file[0] ? c->api_keys_file : NULL,
                           .request_bytes_max = c->request_bytes_max,
                           .query_bytes_max = c->query_bytes_max,
                           .request_memory_max = c->body_bytes_max,
                           .unindexed_bytes_max = c->unindexed_bytes_max,
                           .queries_per_namespace = (uint32_t)c->queries_per_namespace,
                           .query_wait_ns = c->query_wait_ms * MOLA_MILLISECOND,
                           .operation_lease_ns = c->operation_lease_seconds * MOLA_SECOND,
                           .gzip_from_bytes = GZIP_FROM_BYTES};
    mola_err err = mola_api_open(&api, &s->api, &s->process.why);
    if (err)
        return err;
    mola_http_config http = mola_http_defaults();
    http.env = s->process.env;
    http.api = s->api;
    http.bodies = &s->bodies;
    http.address = s->address;
    if ((err = parse_listen(s, &http.port)))
        return err;
    if (c->loops)
        http.loops = (uint32_t)c->loops;
    http.connections_max = (uint32_t)c->connections_max;
    http.idle_s = (uint32_t)c->idle_seconds;
    http.notice_s = (uint32_t)c->notice_seconds;
    http.drain_s = (uint32_t)c->drain_seconds;
    http.heads_bytes_max = HEADS_BYTES_MAX;
    http.tls_cert_file = c->tls_cert[0] ? c->tls_cert : NULL;
    http.tls_key_file = c->tls_key[0] ? c->tls_key : NULL;
    if ((err = mola_http_open(&http, &s->http, &s->process.why)))
        return err;
    return mola_http_serve(s->http, &s->process.why);
}

/* Whatever was started, in the reverse order; a start that failed half way ends here too. */
static void stop(server *s)
{
    mola_provider_stop(s->provider); /* nobody has to wait for a model any more */
    if (s->api)
        mola_api_quiet(s->api);
    if (s->writer) /* answers what still waits, so that every call comes back */
        mola_writer_stop(s->writer);
    if (s->executor) /* a job that has decoded a write until now still submits it */
        mola_executor_close(s->executor);
    if (s->writer)
        mola_writer_close(s->writer);
    mola_http_close(s->http);
    mola_api_close(s->api);
    mola_provider_close(s->provider);
    if (s->namespaces) /* else a view that is refreshed just now would tell a closed indexer */
        mola_namespaces_rest(s->namespaces);
    if (s->indexer)
        mola_indexer_close(s->indexer);
    if (s->namespaces)
        mola_namespaces_close(s->namespaces);
    free(s->keys);
    mola_process_end(&s->process);
}

int mola_command_serve(int count, char **arguments)
{
    static server s;
    int status;
    if (!mola_process_begin(&s.process, "serve", count, arguments, &status))
        return status;
    mola_err err = start_engine(&s);
    if (!err)
        err = start_front(&s);
    if (err) {
        status = mola_process_failed(&s.process, err);
        stop(&s);
        return status;
    }
    int number = mola_process_wait(&s.process);
    mola_log(s.process.env, MOLA_LOG_INFO, "draining", "signal=%d", number);
    bool all_answered = mola_http_drain(s.http);
    mola_log(s.process.env, MOLA_LOG_INFO, "stopped", "all_answered=%d", all_answered);
    stop(&s);
    return all_answered ? EXIT_GOOD : EXIT_CUT_OFF;
}
