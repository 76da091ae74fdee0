/* http_client.h - HTTP/1.1 requests, many at once, over connections that are kept: of the S3
 * driver, and of providers of models, which have a client of their own.
 *
 * One thread runs a libcurl multi handle; any thread submits a batch of exchanges and waits for all
 * of it. An exchange is one question; it may be sent several times: again after a failure, and a
 * second time beside the first when that one is slow. Both happen only to exchanges that say so,
 * within the budgets of src/store/http_pace.h, and never after the deadline, at which every
 * exchange ends.
 *
 * libcurl itself sends a request again when a connection that it had kept turns out to be dead
 * before any byte of the answer; nothing turns that off. `copies` counts those too: more than one
 * means that an answer speaks of one copy only.
 *
 * Redirects are not followed, proxies of the environment not used, certificates always verified. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/store/store.h"

typedef struct mola_http_client mola_http_client;
typedef struct mola_http_exchange mola_http_exchange;

typedef enum {
    MOLA_HTTP_ANSWERED,  /* all of an answer */
    MOLA_HTTP_BROKEN,    /* none, or not all of it; copies 0: nothing was ever sent */
    MOLA_HTTP_MALFORMED, /* an answer that cannot be: no length, or more bytes than it may have */
    MOLA_HTTP_NO_ROOM,   /* the body does not fit the arena */
} mola_http_end;

enum { MOLA_HTTP_BESIDE_MAX = 8 }; /* sendings of one exchange that are under way together */
enum { MOLA_HTTP_WORDS = 256, MOLA_HTTP_REGION_BYTES = 48 };
typedef struct {
    mola_http_end end;
    uint32_t status; /* 0: there was none */
    bool has_length, has_range, etag_given;
    uint64_t length;                               /* Content-Length */
    uint64_t range_first, range_last, range_total; /* Content-Range */
    mola_etag etag;                                /* len 0: none, or longer than we keep */
    uint64_t date_s;                               /* Date, seconds since 1970; 0: none */
    uint64_t retry_after_s;                        /* Retry-After; 0: none */
    char region[MOLA_HTTP_REGION_BYTES];           /* x-amz-bucket-region */
    mola_str bytes;                                /* body of a 200 or 206, in the arena */
    mola_buf text;                                 /* any other body */
    char words[MOLA_HTTP_WORDS];                   /* of libcurl, when it is not ANSWERED */
    bool untrusted; /* BROKEN: the certificate; asking again is of no use */
} mola_http_reply;

typedef enum {
    MOLA_HTTP_DONE,  /* this is the answer */
    MOLA_HTTP_AGAIN, /* a failure that may pass */
    MOLA_HTTP_OTHER, /* the question was changed (headers only): send it at once */
} mola_http_verdict;

struct mola_http_exchange {
    /* What is asked; must live until the batch is done. */
    const char *method, *url;
    mola_str body;       /* PUT and POST */
    const char *ca_file; /* NULL: the system's */
    bool repeatable;     /* may be sent again, however the last sending ended */
    bool hedged;         /* may be sent a second time beside the first when that is slow, and
                            again whenever an answer is overdue */
    bool urged;          /* the same, but only when it is overdue; it goes before others then */
    bool is_typical;     /* how long it waits tells what is slow and what is overdue */
    bool is_write;       /* reads and writes have rooms of their own in the client */
    bool trusts_size;    /* an answer that is too long is not asked for again */
    mola_arena *arena;   /* for the body of a 200 or 206; NULL: it goes to `text` like all others */
    uint64_t bytes_max;  /* of the body of a 2xx */
    uint64_t deadline_ns;
    uint64_t stall_ns; /* repeatable ones are sent again when no byte comes for this long, and given
                          up after twice as long; doubles with each sending. 0: never */
    uint64_t rest_ns;  /* at least so long before it is sent again; judge may set it */
    /* Both run in the client's thread, while the caller waits. */
    void (*headers)(mola_http_exchange *x, mola_buf *lines); /* mola_http_line() for each */
    mola_http_verdict (*judge)(mola_http_exchange *x, const mola_http_reply *reply);

    /* What came back: the reply that was judged last. mola_http_free frees it. */
    mola_http_reply reply;
    uint32_t sendings; /* by us */
    uint32_t copies;   /* by us and by libcurl */

    struct { /* the client's */
        struct mola_http_batch *batch;
        mola_http_exchange *previous, *next;
        struct mola_http_attempt *running[MOLA_HTTP_BESIDE_MAX];
        enum { MOLA_HTTP_WAITING, MOLA_HTTP_RUNNING, MOLA_HTTP_RESTING } state;
        uint64_t rest_until_ns, hedge_at_ns, overdue_at_ns;
        uint32_t others;   /* verdicts OTHER so far */
        uint32_t patience; /* more time was given so often */
        char *spare;       /* of the arena: room that an earlier sending has taken */
        uint64_t spare_bytes;
    } own;
};

/* Whose client it is: the name of its thread, and where it counts. */
typedef struct {
    const char *name;
    mola_metric requests, retries, timeouts, connections, bytes_sent, bytes_received;
} mola_http_owner;
/* `owner` outlives the client. */
mola_err mola_http_client_open(mola_env *env, const mola_http_owner *owner, mola_http_client **out,
                               mola_why *why) MOLA_NODISCARD;
/* All that is under way ends BROKEN at once, and so does all that comes later. */
void mola_http_client_stop(mola_http_client *client);
void mola_http_client_close(mola_http_client *client); /* nothing is under way */

/* Runs all of them and waits. */
void mola_http_run(mola_http_client *client, mola_http_exchange *const *list, size_t count);
void mola_http_free(mola_http_exchange *x);

/* A header "Name: value". */
void mola_http_line(mola_buf *lines, const char *name, mola_str value);
