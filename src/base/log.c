#include "mola/base/log.h"
#include "mola/base/env.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { LINE_BYTES = 4096 };

/* What of `room` bytes a print has filled: never its NUL, never more than fits. */
static size_t filled(int wrote, size_t room)
{
    if (wrote < 0 || room == 0)
        return 0;
    return (size_t)wrote < room ? (size_t)wrote : room - 1;
}

/* `2026-11-21T01:02:03.123456Z warn ` */
static size_t print_start(mola_env *env, mola_log_level level, char *line, size_t room)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    uint64_t now_us = mola_wall_us(env);
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc);
    return filled(snprintf(line, room, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ %s ",
                           utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                           utc.tm_sec, (unsigned)(now_us % 1000000), names[level]),
                  room);
}

/* Ends the line with the boot clock, which rules measure time with, and hands it over. A value must
 * not be able to start a line of its own or to move a terminal's cursor. */
static void finish(mola_env *env, char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
    }
    uint64_t boot_us = mola_boot_ns(env) / 1000;
    len += filled(snprintf(line + len, LINE_BYTES - len, " boot=%" PRIu64 ".%06u\n",
                           boot_us / 1000000, (unsigned)(boot_us % 1000000)),
                  LINE_BYTES - len);
    env->ops->log_line(env, (mola_str){line, len});
}

enum { FINISH_BYTES = 40 }; /* kept free for finish() */

static void write_repeats(mola_env *env, const mola_log_repeat *repeat)
{
    char line[LINE_BYTES];
    size_t room = sizeof line - FINISH_BYTES;
    size_t len = print_start(env, repeat->level, line, room);
    len += filled(snprintf(line + len, room - len, "%s repeats=%u", repeat->event, repeat->count),
                  room - len);
    finish(env, line, len);
}

static bool is_of(const mola_log_repeat *slot, mola_log_level level, const char *event)
{
    return slot->level == level && strncmp(slot->event, event, sizeof slot->event - 1) == 0;
}

/* true: this event was written less than a second ago, and is now counted instead. `due` gets the
 * counts whose second is over. The table is not worth waiting for: who finds it taken writes. */
static bool collapses(mola_env *env, mola_log_level level, const char *event,
                      mola_log_repeat due[static MOLA_LOG_REPEATS], size_t *due_count)
{
    mola_log_state *state = &env->log;
    uint64_t now_ns = mola_boot_ns(env);
    *due_count = 0;
    if (atomic_flag_test_and_set_explicit(&state->taken, memory_order_acquire))
        return false;
    mola_log_repeat *mine = NULL, *oldest = &state->repeat[0];
    for (size_t i = 0; i < MOLA_LOG_REPEATS; i++) {
        mola_log_repeat *slot = &state->repeat[i];
        if (slot->event[0] && now_ns - slot->since_ns >= MOLA_SECOND) {
            if (slot->count > 0)
                due[(*due_count)++] = *slot;
            *slot = (mola_log_repeat){0};
        }
        if (slot->event[0] && is_of(slot, level, event))
            mine = slot;
        if (slot->since_ns < oldest->since_ns)
            oldest = slot;
    }
    bool repeats = mine && level >= MOLA_LOG_WARN;
    if (repeats) {
        mine->count++;
    } else if (level >= MOLA_LOG_WARN) {
        if (oldest->count > 0)
            due[(*due_count)++] = *oldest;
        *oldest = (mola_log_repeat){.since_ns = now_ns, .level = level};
        (void)snprintf(oldest->event, sizeof oldest->event, "%s", event);
    }
    atomic_flag_clear_explicit(&state->taken, memory_order_release);
    return repeats;
}

void mola_log(mola_env *env, mola_log_level level, const char *event, const char *format, ...)
{
    if (level < env->log_level)
        return;
    mola_log_repeat due[MOLA_LOG_REPEATS];
    size_t due_count;
    bool repeats = collapses(env, level, event, due, &due_count);
    for (size_t i = 0; i < due_count; i++)
        write_repeats(env, &due[i]);
    if (repeats)
        return;
    char line[LINE_BYTES];
    size_t room = sizeof line - FINISH_BYTES;
    size_t len = print_start(env, level, line, room);
    len +=
        filled(snprintf(line + len, room - len, "%s%s", event, format[0] ? " " : ""), room - len);
    va_list arguments;
    va_start(arguments, format);
    len += filled(vsnprintf(line + len, room - len, format, arguments), room - len);
    va_end(arguments);
    finish(env, line, len);
}
