#include "mola/base/err.h"
#include "mola/base/check.h"
#include <stdarg.h>
#include <stdio.h>

const char *mola_err_name(mola_err err)
{
    static const char *const names[] = {
        [MOLA_OK] = "ok",
        [MOLA_NOT_FOUND] = "not_found",
        [MOLA_SHAPE] = "shape",
        [MOLA_INVALID] = "invalid",
        [MOLA_CONFLICT] = "conflict",
        [MOLA_UNAVAILABLE] = "unavailable",
        [MOLA_BUSY] = "busy",
        [MOLA_UNKNOWN] = "unknown",
        [MOLA_CORRUPT] = "corrupt",
        [MOLA_NO_MEMORY] = "no_memory",
    };
    MOLA_ASSERT((size_t)err < sizeof names / sizeof *names);
    return names[err];
}

/* `len` bytes of `text` without a UTF-8 sequence that the cut left incomplete. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0)
        return len;
    unsigned char lead = (unsigned char)text[at - 1];
    size_t wants = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return len - at + 1 < wants ? at - 1 : len;
}

mola_err mola_fail(mola_why *why, mola_err err, const char *format, ...)
{
    if (!why || why->len > 0)
        return err;
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    if (wrote < 0)
        return err;
    size_t len = (size_t)wrote;
    if (len >= sizeof why->text)
        len = whole_characters(why->text, sizeof why->text - 1);
    why->text[len] = '\0';
    why->len = (uint32_t)len;
    return err;
}

mola_str mola_why_text(const mola_why *why)
{
    MOLA_ASSERT(why->len < sizeof why->text);
    return (mola_str){why->text, why->len};
}

void mola_why_clear(mola_why *why)
{
    why->len = 0;
    why->text[0] = '\0';
    why->attribute_len = 0;
    why->attribute[0] = '\0';
    why->retry_after_s = 0;
}
