#include "text/stem_env.h"
#include "mola/base/utf8.h"
#include <string.h>

static bool is_boundary(const mola_stem_env *env, int32_t at)
{
    return at >= 0 && at <= env->limit &&
           (at == env->limit || at == 0 || (env->text[at] & 0xc0) != 0x80);
}

/* The word is no longer one that the algorithm can work on. Whatever asks next is told no, and
 * every walk ends. */
static bool give_up(mola_stem_env *env)
{
    env->broken = true;
    return false;
}

static uint32_t character(const mola_stem_env *env, int32_t at)
{
    uint32_t c = 0;
    (void)mola_utf8_next(env->text + at, env->text + env->limit, &c);
    return c;
}

void mola_stem_next(mola_stem_env *env)
{
    env->cursor++;
    while (!env->broken && env->cursor <= env->limit && !is_boundary(env, env->cursor))
        env->cursor++;
    if (env->broken || env->cursor > env->limit) {
        env->cursor = env->limit;
        (void)give_up(env);
    }
}

void mola_stem_previous(mola_stem_env *env)
{
    env->cursor--;
    while (!env->broken && env->cursor > 0 && !is_boundary(env, env->cursor))
        env->cursor--;
    if (env->broken || env->cursor < 0) {
        env->cursor = env->limit_backward;
        (void)give_up(env);
    }
}

bool mola_stem_eq(mola_stem_env *env, const char *text, int32_t len)
{
    if (env->broken || env->cursor >= env->limit)
        return false;
    if (!is_boundary(env, env->cursor))
        return give_up(env);
    if (env->limit - env->cursor < len || memcmp(env->text + env->cursor, text, (size_t)len) != 0)
        return false;
    env->cursor += len;
    return true;
}

bool mola_stem_eq_b(mola_stem_env *env, const char *text, int32_t len)
{
    if (env->broken || env->cursor - env->limit_backward < len)
        return false;
    int32_t at = env->cursor - len;
    if (!is_boundary(env, at) || env->limit - at < len ||
        memcmp(env->text + at, text, (size_t)len) != 0)
        return false;
    env->cursor = at;
    return true;
}

/* Returns by how much the word has grown. */
static int32_t replace(mola_stem_env *env, int32_t bra, int32_t ket, const char *text, int32_t len)
{
    int32_t growth = len - (ket - bra);
    if (env->broken || bra > ket || !is_boundary(env, bra) || !is_boundary(env, ket) ||
        env->limit + growth > MOLA_STEM_ROOM) {
        (void)give_up(env);
        return 0;
    }
    memmove(env->text + ket + growth, env->text + ket, (size_t)(env->limit - ket));
    memcpy(env->text + bra, text, (size_t)len);
    env->limit += growth;
    if (env->cursor >= ket) {
        env->cursor += growth;
    } else if (env->cursor > bra) {
        env->cursor = bra;
    }
    return growth;
}

bool mola_stem_slice(mola_stem_env *env, const char *text, int32_t len)
{
    (void)replace(env, env->bra, env->ket, text, len);
    return !env->broken;
}

void mola_stem_insert(mola_stem_env *env, int32_t bra, int32_t ket, const char *text, int32_t len)
{
    int32_t growth = replace(env, bra, ket, text, len);
    if (bra <= env->bra)
        env->bra += growth;
    if (bra <= env->ket)
        env->ket += growth;
}

void mola_stem_keep(mola_stem_env *env)
{
    env->kept_len = 0;
    if (env->bra > env->ket || !is_boundary(env, env->bra) || !is_boundary(env, env->ket)) {
        (void)give_up(env);
        return;
    }
    env->kept_len = env->ket - env->bra;
    memcpy(env->kept, env->text + env->bra, (size_t)env->kept_len);
}

static bool has(const uint8_t *set, uint32_t least, uint32_t most, uint32_t c)
{
    return c >= least && c <= most && (set[(c - least) >> 3] >> ((c - least) & 7) & 1);
}

static bool step(mola_stem_env *env, bool when, const uint8_t *set, uint32_t least, uint32_t most)
{
    if (env->broken || env->cursor >= env->limit)
        return false;
    if (has(set, least, most, character(env, env->cursor)) != when)
        return false;
    mola_stem_next(env);
    return true;
}

static bool step_b(mola_stem_env *env, bool when, const uint8_t *set, uint32_t least, uint32_t most)
{
    if (env->broken || env->cursor <= env->limit_backward || env->cursor > env->limit)
        return false;
    int32_t before = env->cursor;
    mola_stem_previous(env);
    if (env->broken || has(set, least, most, character(env, env->cursor)) == when)
        return !env->broken;
    env->cursor = before;
    return false;
}

bool mola_stem_in(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most)
{
    return step(env, true, set, least, most);
}

bool mola_stem_in_b(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most)
{
    return step_b(env, true, set, least, most);
}

bool mola_stem_out(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most)
{
    return step(env, false, set, least, most);
}

bool mola_stem_out_b(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most)
{
    return step_b(env, false, set, least, most);
}

int32_t mola_stem_hop(const mola_stem_env *env, int32_t characters)
{
    int32_t at = env->cursor;
    for (; characters > 0; characters--) {
        at++;
        while (at <= env->limit && !is_boundary(env, at))
            at++;
    }
    for (; characters < 0; characters++) {
        at--;
        while (at > 0 && !is_boundary(env, at))
            at--;
    }
    return at;
}

int32_t mola_stem_chars(const mola_stem_env *env)
{
    int32_t count = 0;
    for (int32_t i = 0; i < env->limit; i++)
        count += (env->text[i] & 0xc0) != 0x80;
    return count;
}

/* ---- search tables ---- */

typedef enum { FORWARD, BACKWARD } direction;

/* How `entry` compares with what stands at the cursor, from its byte *common on; *common becomes
 * how many bytes are the same. */
static int32_t compare(const mola_stem_env *env, const mola_stem_among_entry *entry, direction way,
                       int32_t *common)
{
    int32_t c = env->cursor;
    for (; *common < entry->len; ++*common) {
        int32_t n = *common;
        if (way == FORWARD ? c + n >= env->limit : c - n <= env->limit_backward)
            return -1;
        uint8_t have = env->text[way == FORWARD ? c + n : c - n - 1];
        uint8_t want = (uint8_t)entry->text[way == FORWARD ? n : entry->len - 1 - n];
        if (have != want)
            return (int32_t)have - (int32_t)want;
    }
    return 0;
}

/* The last entry that is not above what stands at the cursor; *common: bytes they share. */
static int32_t find_entry(const mola_stem_env *env, const mola_stem_among_entry *entries,
                          int32_t count, direction way, int32_t *common)
{
    int32_t low = 0, high = count, common_low = 0, common_high = 0;
    bool inspected = false;
    for (;;) {
        int32_t middle = low + ((high - low) >> 1);
        int32_t same = common_low < common_high ? common_low : common_high;
        int32_t order = compare(env, &entries[middle], way, &same);
        if (order < 0) {
            high = middle;
            common_high = same;
        } else {
            low = middle;
            common_low = same;
        }
        if (high - low > 1)
            continue;
        if (low > 0 || high == low || inspected)
            break;
        inspected = true;
    }
    *common = common_low;
    return low;
}

static int32_t search(mola_stem_env *env, const mola_stem_among_entry *entries, int32_t count,
                      direction way)
{
    int32_t common, c = env->cursor;
    if (env->broken || c < 0 || c > env->limit)
        return 0;
    int32_t at = find_entry(env, entries, count, way, &common);
    for (; at >= 0; at = entries[at].link) {
        const mola_stem_among_entry *entry = &entries[at];
        if (common < entry->len)
            continue;
        int32_t beyond = way == FORWARD ? c + entry->len : c - entry->len;
        env->cursor = beyond;
        if (!entry->test)
            return entry->result;
        bool passes = entry->test(env);
        env->cursor = beyond;
        if (passes)
            return entry->result;
    }
    return 0;
}

int32_t mola_stem_among(mola_stem_env *env, const mola_stem_among_entry *entries, int32_t count)
{
    return search(env, entries, count, FORWARD);
}

int32_t mola_stem_among_b(mola_stem_env *env, const mola_stem_among_entry *entries, int32_t count)
{
    return search(env, entries, count, BACKWARD);
}
