/* main.c - which subcommand am I? Starts the floors in order and stops them in the reverse one. */
#include "config.h"
#include "doctor.h"
#include "http/http.h"
#include "machine.h"
#include "mola/api/api.h"
#include "mola/namespace/namespace.h"
#include "mola/store/store.h"
#include "mola/write/write.h"
#include <ctype.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CUT_OFF = 3 };
enum {
    HEADS_BYTES_MAX = 64 << 20,
    GROUP_BYTES_MAX = 16 << 20,
    GZIP_FROM_BYTES = 1024,
    NOTICE_SECONDS = 1
};

/* Everything that runs, in the order of starting. */
typedef struct {
    mola_config config;
    mola_heap heap;
    mola_metrics metrics;
    mola_budget bodies;
    mola_why why;
    mola_env *env;
    mola_executor *executor;
    mola_namespaces *namespaces;
    mola_writer *writer;
    mola_api *api;
    mola_http *http;
    char address[64];
    char *keys; /* the configured ones, one a line */
} server;

static int usage(FILE *to, int status)
{
    (void)fprintf(
        to,
        "mola %s, a search engine on object storage that speaks the turbopuffer API\n\n"
        "usage: mola serve [--setting VALUE ...]\n"
        "       mola doctor --store URL    is this store safe to trust with data? its exit status: "
        "0 yes, 1 no\n"
        "       mola --version\n"
        "       mola serve --help     all settings and their MOLA_... twins\n\n"
        "exit status: 0 stopped after SIGTERM or SIGINT, all requests answered; 1 could not "
        "start, or failed;\n"
        "             2 bad arguments; 3 stopped, but requests were cut off when the drain time "
        "was over\n",
        MOLA_VERSION);
    return status;
}

/* "ADDRESS:PORT", "[V6]:PORT" or ":PORT". */
static mola_err parse_listen(server *s, uint16_t *port)
{
    const char *text = s->config.listen, *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long number =
        colon && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : UINT16_MAX + 1ul;
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (!colon || !end || *end || number > UINT16_MAX || size >= sizeof s->address) {
        return mola_fail(&s->why, MOLA_INVALID, "listen: \"%s\" is not ADDRESS:PORT",
                         s->config.listen);
    }
    memcpy(s->address, size ? text : "0.0.0.0", size ? size : sizeof "0.0.0.0");
    *port = (uint16_t)number;
    return MOLA_OK;
}

static mola_err log_level(server *s)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(s->config.log_level, names[i]) == 0) {
            s->env->log_level = (mola_log_level)i;
            return MOLA_OK;
        }
    }
    return mola_fail(&s->why, MOLA_INVALID, "log_level: \"%s\" is not debug, info, warn or error",
                     s->config.log_level);
}

/* Zero means: take a share of the machine. */
static void settle_sizes(mola_config *c)
{
    uint64_t memory = mola_machine_memory();
    if (!c->view_bytes_max)
        c->view_bytes_max = memory / 2;
    if (!c->body_bytes_max)
        c->body_bytes_max = memory / 4;
}

static mola_err start_engine(server *s)
{
    const mola_config *c = &s->config;
    mola_err err = mola_store_open(s->env, mola_str_of(c->store), &s->env->store, &s->why);
    if (err)
        return err;
    mola_executor_config threads = mola_executor_defaults();
    err = mola_executor_open(s->env, &threads, &s->executor);
    if (err)
        return mola_fail(&s->why, err, "cannot start the executor");
    mola_namespaces_config names = {.env = s->env,
                                    .view_bytes_max = c->view_bytes_max,
                                    .fence_ns = c->fence_seconds * MOLA_SECOND};
    err = mola_namespaces_open(&names, &s->namespaces);
    if (err)
        return mola_fail(&s->why, err, "cannot open the namespaces");
    mola_writer_config writes = {.env = s->env,
                                 .namespaces = s->namespaces,
                                 .executor = s->executor,
                                 .window_ns = c->commit_window_ms * MOLA_MILLISECOND,
                                 .group_bytes_max = GROUP_BYTES_MAX,
                                 .commit_ns_max = c->commit_seconds * MOLA_SECOND,
                                 .waiting_max = (uint32_t)c->writes_waiting_max};
    err = mola_writer_open(&writes, &s->writer);
    return err ? mola_fail(&s->why, err, "cannot open the writer") : MOLA_OK;
}

static mola_err start_front(server *s)
{
    const mola_config *c = &s->config;
    const mola_kernel *kernel = mola_kernel_select(c->kernel[0] ? c->kernel : NULL);
    if (!kernel) {
        return mola_fail(&s->why, MOLA_INVALID,
                         "kernel: \"%s\" is unknown, or this CPU cannot run it", c->kernel);
    }
    if ((s->keys = strdup(c->api_keys)) == NULL)
        return mola_fail(&s->why, MOLA_NO_MEMORY, "no memory");
    for (char *p = s->keys; *p; p++) {
        if (*p == ',')
            *p = '\n';
    }
    s->bodies.limit = c->body_bytes_max;
    mola_api_config api = {.env = s->env,
                           .kernel = kernel,
                           .executor = s->executor,
                           .namespaces = s->namespaces,
                           .writer = s->writer,
                           .bodies = &s->bodies,
                           .keys = mola_str_of(s->keys),
                           .keys_file = c->api_keys_file[0] ? c->api_keys_file : NULL,
                           .request_bytes_max = c->request_bytes_max,
                           .query_bytes_max = c->query_bytes_max,
                           .request_memory_max = c->body_bytes_max,
                           .gzip_from_bytes = GZIP_FROM_BYTES};
    mola_err err = mola_api_open(&api, &s->api, &s->why);
    if (err)
        return err;
    mola_http_config http = mola_http_defaults();
    http.env = s->env;
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
    if ((err = mola_http_open(&http, &s->http, &s->why)))
        return err;
    return mola_http_serve(s->http, &s->why);
}

/* Whatever was started, in the reverse order; a start that failed half way ends here too. */
static void stop(server *s)
{
    if (s->writer) /* answers what still waits, so that every call comes back */
        mola_writer_close(s->writer);
    if (s->executor)
        mola_executor_close(s->executor);
    mola_http_close(s->http);
    mola_api_close(s->api);
    if (s->namespaces)
        mola_namespaces_close(s->namespaces);
    if (s->env->store)
        mola_store_close(s->env->store);
    free(s->keys);
    mola_env_real_free(s->env);
}

static int serve(int count, char **arguments)
{
    static server s;
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0) {
            printf("usage: mola serve [--setting VALUE ...]\n\n");
            mola_config_help();
            return EXIT_GOOD;
        }
    }
    if (mola_config_read(count, arguments, &s.config, &s.why)) {
        (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&s.why)));
        return EXIT_USAGE;
    }
    settle_sizes(&s.config);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* sigwait, not a handler: draining takes locks */
    (void)signal(SIGPIPE, SIG_IGN);
    /* fixed, so that large blocks go back to the system */
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* NOLINT(concurrency-mt-unsafe): no thread yet */

    mola_heap_init(&s.heap, SIZE_MAX);
    s.env = mola_env_real(&s.heap, &s.metrics);
    if (!s.env)
        return EXIT_FAILED;
    mola_err err = log_level(&s);
    if (!err)
        err = start_engine(&s);
    if (!err)
        err = start_front(&s);
    if (err) {
        (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&s.why)));
        stop(&s);
        return err == MOLA_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    int signal_number;
    (void)sigwait(&signals, &signal_number);
    mola_log(s.env, MOLA_LOG_INFO, "draining", "signal=%d", signal_number);
    bool all_answered = mola_http_drain(s.http);
    mola_log(s.env, MOLA_LOG_INFO, "stopped", "all_answered=%d", all_answered);
    stop(&s);
    return all_answered ? EXIT_GOOD : EXIT_CUT_OFF;
}

int main(int count, char **arguments)
{
    if (count >= 2 && strcmp(arguments[1], "serve") == 0)
        return serve(count - 2, arguments + 2);
    if (count >= 2 && strcmp(arguments[1], "doctor") == 0)
        return mola_doctor(count - 2, arguments + 2);
    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        printf("mola %s\n", MOLA_VERSION);
        return EXIT_GOOD;
    }
    if (count == 2 && strcmp(arguments[1], "--help") == 0)
        return usage(stdout, EXIT_GOOD);
    return usage(stderr, EXIT_USAGE);
}
