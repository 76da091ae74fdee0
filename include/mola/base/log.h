/* log.h - one event per line: `wall level event key=value ...`.
 *
 * warn means that a human should read it today. Never a key, a document or a query. Repeats of one
 * warning or error (same event) within a second collapse to `event repeats=N`, written with the
 * first line after that second. Values with spaces are written by the caller in quotes. Threads:
 * any. */
#pragma once
#include "mola/base/str.h"
#include <stdatomic.h>

typedef enum { MOLA_LOG_DEBUG, MOLA_LOG_INFO, MOLA_LOG_WARN, MOLA_LOG_ERROR } mola_log_level;
struct mola_env;

/* Warnings and errors of the last second, in each env; zeroed bytes are a valid empty one. */
enum { MOLA_LOG_REPEATS = 16, MOLA_LOG_EVENT_BYTES = 48 };
typedef struct {
    uint64_t since_ns; /* boot clock: when it was last written out */
    mola_log_level level;
    uint32_t count; /* of lines that were not */
    char event[MOLA_LOG_EVENT_BYTES];
} mola_log_repeat;
typedef struct {
    atomic_flag taken; /* guards repeat */
    mola_log_repeat repeat[MOLA_LOG_REPEATS];
} mola_log_state;

/* mola_log(env, MOLA_LOG_INFO, "write", "request_id=%.*s rows=%u", ...); the format may be "". */
void mola_log(struct mola_env *env, mola_log_level level, const char *event, const char *format,
              ...) __attribute__((format(printf, 4, 5)));
