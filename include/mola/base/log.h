/* log.h - one event per line: `wall level event key=value ...`.
 *
 * warn means that a human should read it today. Never a key, a document or a query. Repeats of one
 * warning within a second collapse to a count. Values with spaces are written by the caller in
 * quotes. Threads: any. */
#pragma once
#include "mola/base/str.h"

typedef enum { MOLA_LOG_DEBUG, MOLA_LOG_INFO, MOLA_LOG_WARN, MOLA_LOG_ERROR } mola_log_level;
struct mola_env;

/* mola_log(env, MOLA_LOG_INFO, "write", "request_id=%.*s rows=%u", ...); the format may be "". */
void mola_log(struct mola_env *env, mola_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
