/* operations.h - work that goes on after its request was answered (reference 1.10).
 *
 * All state of an operation is its object in the store (format/operation.h): any node can tell how
 * it stands, and one that finds it without progress for the lease takes it over, by compare-and-
 * swap. Two that work on one waste work, nothing else: what they make is decided by ns/{name}. */
#pragma once
#include "api/private.h"
#include "mola/format/operation.h"

enum { MOLA_TOKEN_BYTES = 32 };

typedef struct {
    mola_operation_kind kind;
    mola_str name;    /* of the namespace */
    mola_str request; /* COPY: the source; RECALL: the JSON body */
    uint32_t shards;  /* COPY */
} mola_task;

/* Starts it, or joins it: a copy that is running already has one token. MOLA_CONFLICT with words: a
 * different copy into that namespace is running. */
mola_err mola_operation_start(request *r, const mola_task *task,
                              char token[MOLA_TOKEN_BYTES]) MOLA_NODISCARD;

/* The answer to a start: 200, or 202 to who preferred it. */
handled mola_answer_started(request *r, mola_err err, int status,
                            const char token[MOLA_TOKEN_BYTES]);

/* What came of it, as the answer that the request would have got. `err` and `why` choose the status
 * of a failure. */
typedef struct {
    mola_err err;
    int status; /* of HTTP; 0: that of `err` */
    mola_buf answer;
} mola_task_result;

/* The work, in operation_work.c. One try at it; false: nothing is known yet, try again. */
bool mola_operation_try(mola_ctx *ctx, mola_api *api, const mola_operation *operation,
                        mola_task_result *out);
