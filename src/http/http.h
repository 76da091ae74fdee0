/* http.h - bytes of a socket, give me a request: strict HTTP/1.1 (RFC 9112) on libh2o's event
 * loops. Private to http/ and main.c.
 *
 *   bytes -> scan -> parse -> judge -> body -> api -> reply
 *
 * scan finds the end of a head, parse says what it means, judge whether it may come in: only then
 * is a byte of the body kept.
 *
 * The order of a life: open (binds and listens), serve (starts the loops), drain (from any thread
 * that is not a loop: a signal handler may not), then the executor is closed, then close.
 *
 * The process must ignore SIGPIPE (OpenSSL writes with write()), and should fix M_MMAP_THRESHOLD
 * with mallopt, or the memory of freed bodies stays with malloc. */
#pragma once
#include "mola/api/api.h"

typedef struct {
    mola_env *env;
    mola_api *api;
    mola_budget *bodies;      /* request bodies and large replies in memory; shared with api/ */
    const char *address;      /* numeric: "127.0.0.1", "0.0.0.0", "::1", "::" */
    uint16_t port;            /* 0: any free one, see mola_http_port */
    uint32_t loops;           /* threads that own sockets */
    uint32_t connections_max; /* of all loops together; each has an equal share */
    uint32_t
        idle_s; /* a silent connection lives this long; longer than the client's pool keeps it */
    uint32_t
        notice_s; /* draining: new connections are still taken this long, for balancers to notice */
    uint32_t drain_s;          /* draining: what is unfinished after this is cut off */
    uint64_t heads_bytes_max;  /* heads that are kept, and pipelined bytes, of all connections */
    const char *tls_cert_file; /* PEM chain; NULL: plain HTTP */
    const char *tls_key_file;  /* PEM */
} mola_http_config;

typedef struct mola_http mola_http;

/* Everything but env, api and bodies: 127.0.0.1:8080, a loop per usable CPU up to 4, 10,000
 * connections, 75 s, no notice, 25 s, 64 MiB, no TLS. */
mola_http_config mola_http_defaults(void);

/* Binds and listens; nothing is accepted yet. Raises the soft limit of file descriptors if need be;
 * where the hard one is too low, takes fewer connections and says so. INVALID: a bad address,
 * certificate or limit. UNAVAILABLE: the address is taken or the system refused a socket. */
mola_err mola_http_open(const mola_http_config *config, mola_http **out,
                        mola_why *why) MOLA_NODISCARD;
/* The port bound to. */
uint16_t mola_http_port(const mola_http *http);
/* Starts the loops and logs `listening address=... port=...`. */
mola_err mola_http_serve(mola_http *http, mola_why *why) MOLA_NODISCARD;

/* Readiness answers 503, listeners close, every reply says `Connection: close`, idle connections
 * end; returns when all are gone. false: after drain_s some were cut off or are still executing. */
bool mola_http_drain(mola_http *http);
/* After mola_http_drain, once every call has come back (the executor is closed), or instead of
 * mola_http_serve. NULL: nothing to do. */
void mola_http_close(mola_http *http);
