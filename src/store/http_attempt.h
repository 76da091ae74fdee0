/* http_attempt.h - one sending of an exchange: what libcurl calls, and what it has brought so far.
 * Private to the client. */
#pragma once
#include "mola/store/http_client.h"
#include <curl/curl.h>

typedef struct mola_http_attempt mola_http_attempt;
struct mola_http_attempt {
    mola_env *env;
    const mola_http_owner *owner;
    CURL *easy;
    struct curl_slist *lines;
    mola_http_exchange *of;
    mola_http_reply reply;
    uint64_t sent_ns, head_ns, progress_ns; /* boot clock; progress: the last byte of the answer */
    bool head_seen;                         /* the head of the answer is complete */
    uint64_t retry_at_s;                    /* a Retry-After that is a date; 0: it is none */
    char *target;                           /* in the arena: where the body goes */
    uint64_t target_bytes, filled;
    char error[CURL_ERROR_SIZE];
    mola_http_attempt *next; /* while unused */
};

/* NULL: no memory. */
mola_http_attempt *mola_http_attempt_open(mola_env *env, const mola_http_owner *owner);
void mola_http_attempt_close(mola_http_attempt *a);
/* Readies it to send `x`. false: no memory. */
bool mola_http_attempt_begin(mola_http_attempt *a, mola_http_exchange *x);
/* The transfer is over: completes the reply. */
void mola_http_attempt_end(mola_http_attempt *a, CURLcode code);
void mola_http_attempt_move(mola_http_attempt *a, mola_http_reply *out);
/* Drops what it holds, the reply too unless it was moved out. */
void mola_http_attempt_clear(mola_http_attempt *a);
