/* operation.h - an asynchronous operation: what was asked, who tried, what came of it.
 *
 *   key        op/{token}      changed by If-Match only, so that of two who try one begins
 *   written by api/ (operations.c)        read by api/
 *   byte map   operation.c */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/buf.h"

enum {
    MOLA_OPERATION_FMT = 1,
    MOLA_OPERATION_TRIES_MAX = 16,
    MOLA_OPERATION_REQUEST_BYTES_MAX = 16 << 20,
    MOLA_OPERATION_RESULT_BYTES_MAX = 256 << 20,
};
typedef enum { MOLA_OPERATION_COPY = 1, MOLA_OPERATION_RECALL = 2 } mola_operation_kind;
typedef enum {
    MOLA_OPERATION_RUNNING = 1,
    MOLA_OPERATION_SUCCEEDED = 2,
    MOLA_OPERATION_FAILED = 3
} mola_operation_state;
typedef struct {
    mola_operation_kind kind;
    mola_operation_state state;
    uint32_t shards;                             /* COPY: asked for; 0: as the source has it */
    uint64_t started_us, tried_us, finished_us;  /* wall time; finished_us 0: it is running */
    uint32_t status;                             /* FAILED: of HTTP, 400..599; else 0 */
    uint32_t tries;                              /* begun so far, at least 1 */
    uint8_t nsids[MOLA_OPERATION_TRIES_MAX][16]; /* COPY: that the tries give to the new
                                                    namespace; else zero */
    mola_str name;                               /* of the namespace */
    mola_str request;                            /* COPY: the source; RECALL: the JSON body */
    mola_str result; /* the answer in JSON; of FAILED: the error body; empty when it is running */
} mola_operation;

/* Errors stick in `out`, which must be empty. */
void mola_operation_encode(mola_buf *out, const mola_operation *operation);
/* Texts borrow from `image`. MOLA_CORRUPT for any byte not as mapped; MOLA_INVALID with words when
 * it needs a newer reader. */
mola_err mola_operation_decode(mola_str image, mola_operation *out, mola_why *why) MOLA_NODISCARD;
