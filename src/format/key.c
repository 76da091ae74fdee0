#include "mola/format/key.h"
#include "mola/base/check.h"
#include "mola/codec/uuid.h"

enum { ORG_BYTES_MAX = 64, NAME_BYTES_MAX = 128, HOLDER_ID_BYTES_MAX = 64, TOKEN_BYTES_MAX = 64 };
static const uint64_t seq_max = INT64_MAX;

static void add(mola_key *key, const char *text, size_t len)
{
    MOLA_ASSERT(len < sizeof key->text - key->len);
    if (len)
        memcpy(key->text + key->len, text, len);
    key->len += len;
}

static void add_text(mola_key *key, const char *text)
{
    add(key, text, strlen(text));
}

static void add_hex(mola_key *key, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char pair[2];
        mola_hex_print(&bytes[i], 1, pair);
        add(key, pair, sizeof pair);
    }
}

static void add_u64(mola_key *key, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    add_hex(key, bytes, sizeof bytes);
}

static mola_key root(mola_str org)
{
    mola_key key = {.len = 0};
    MOLA_ASSERT(org.len <= ORG_BYTES_MAX);
    if (org.len) {
        add_text(&key, "o/");
        add(&key, org.data, org.len);
        add_text(&key, "/");
    }
    return key;
}

static mola_key in_log(mola_str org, const uint8_t nsid[16], const char *folder)
{
    mola_key key = root(org);
    add_text(&key, "d/");
    add_hex(&key, nsid, 16);
    add_text(&key, folder);
    return key;
}

/* Names need no escapes: their alphabet stands for itself in URLs and in byte order. */
mola_key mola_key_manifest(mola_str org, mola_str name)
{
    MOLA_ASSERT(mola_name_ok(name));
    return mola_key_names_prefix(org, name);
}

/* A prefix too long for any name stays too long for any name. */
mola_key mola_key_names_prefix(mola_str org, mola_str name_prefix)
{
    mola_key key = root(org);
    add_text(&key, "ns/");
    add(&key, name_prefix.data,
        name_prefix.len <= NAME_BYTES_MAX ? name_prefix.len : NAME_BYTES_MAX + 1);
    return key;
}

mola_key mola_key_log_prefix(mola_str org, const uint8_t nsid[16])
{
    return in_log(org, nsid, "/w/");
}

mola_key mola_key_entry(mola_str org, const uint8_t nsid[16], uint64_t seq)
{
    MOLA_ASSERT(seq <= seq_max);
    mola_key key = in_log(org, nsid, "/w/");
    add_u64(&key, seq_max - seq);
    return key;
}

/* {base16}.{rand16} in a folder: an object that is made once and named by who made it. */
static mola_key object(mola_str org, const uint8_t nsid[16], const char *folder, uint64_t base,
                       uint64_t rand)
{
    mola_key key = in_log(org, nsid, folder);
    add_u64(&key, base);
    add_text(&key, ".");
    add_u64(&key, rand);
    return key;
}

mola_key mola_key_payload(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand)
{
    return object(org, nsid, "/p/", base, rand);
}

mola_key mola_key_segment(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand,
                          char kind, uint32_t number)
{
    MOLA_ASSERT(kind == 'h' || kind == 'o');
    mola_key key = object(org, nsid, "/s/", base, rand);
    char part[] = {'/', kind, '.'};
    add(&key, part, sizeof part);
    number = __builtin_bswap32(number);
    add_hex(&key, (const uint8_t *)&number, sizeof number);
    return key;
}

mola_key mola_key_deletes(mola_str org, const uint8_t nsid[16], uint64_t base, uint64_t rand)
{
    return object(org, nsid, "/x/", base, rand);
}

mola_key mola_key_holder(mola_str org, const uint8_t nsid[16], mola_str id)
{
    MOLA_ASSERT(mola_name_ok(id) && id.len <= HOLDER_ID_BYTES_MAX);
    mola_key key = in_log(org, nsid, "/r/");
    add(&key, id.data, id.len);
    return key;
}

mola_key mola_key_hint(mola_str org, const uint8_t nsid[16])
{
    mola_key key = mola_key_hints(org);
    add_hex(&key, nsid, 16);
    return key;
}

mola_key mola_key_operation(mola_str org, mola_str token)
{
    MOLA_ASSERT(token.len == 0 || (mola_name_ok(token) && token.len <= TOKEN_BYTES_MAX));
    mola_key key = root(org);
    add_text(&key, "op/");
    add(&key, token.data, token.len);
    return key;
}

mola_key mola_key_folder(mola_str org, const uint8_t nsid[16], char folder)
{
    mola_key key = in_log(org, nsid, "/");
    char part[] = {folder, '/'};
    if (folder) {
        MOLA_ASSERT(strchr("wpsxr", folder));
        add(&key, part, sizeof part);
    }
    return key;
}

mola_key mola_key_incarnations(mola_str org)
{
    mola_key key = root(org);
    add_text(&key, "d/");
    return key;
}

mola_key mola_key_hints(mola_str org)
{
    mola_key key = root(org);
    add_text(&key, "q/");
    return key;
}

mola_key mola_key_pin(mola_str org, mola_str name)
{
    MOLA_ASSERT(name.len == 0 || mola_name_ok(name));
    mola_key key = root(org);
    add_text(&key, "pin/");
    add(&key, name.data, name.len);
    return key;
}

/* Takes `prefix` off the front of `key`. */
static bool cut_prefix(mola_str *key, mola_str prefix)
{
    if (!mola_str_starts(*key, prefix))
        return false;
    *key = mola_str_from(*key, prefix.len);
    return true;
}

static bool cut_hex(mola_str *key, uint8_t *bytes, size_t count)
{
    if (key->len < count * 2)
        return false;
    for (size_t i = 0; i < count * 2; i++) {
        char c = key->data[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter)
            return false;
        uint8_t nibble = (uint8_t)(digit ? c - '0' : c - 'a' + 10);
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | nibble : nibble << 4);
    }
    *key = mola_str_from(*key, count * 2);
    return true;
}

static bool cut_u64(mola_str *key, uint64_t *out)
{
    uint8_t bytes[8];
    if (!cut_hex(key, bytes, sizeof bytes))
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        v = v << 8 | bytes[i];
    *out = v;
    return true;
}

bool mola_key_parse_manifest(mola_str org, mola_str key, mola_str *name)
{
    mola_key prefix = mola_key_names_prefix(org, (mola_str){0});
    if (!cut_prefix(&key, mola_key_str(&prefix)) || !mola_name_ok(key))
        return false;
    *name = key;
    return true;
}

bool mola_key_parse_incarnation(mola_str org, mola_str key, uint8_t nsid[16], mola_str *rest)
{
    mola_key prefix = mola_key_incarnations(org);
    if (!cut_prefix(&key, mola_key_str(&prefix)) || !cut_hex(&key, nsid, 16) ||
        !cut_prefix(&key, MOLA_STR("/")))
        return false;
    *rest = key;
    return true;
}

bool mola_key_parse_entry(mola_str org, mola_str key, uint8_t nsid[16], uint64_t *seq)
{
    mola_str rest;
    uint64_t inverse;
    if (!mola_key_parse_incarnation(org, key, nsid, &rest) || !cut_prefix(&rest, MOLA_STR("w/")) ||
        !cut_u64(&rest, &inverse) || rest.len != 0 || inverse > seq_max)
        return false;
    *seq = seq_max - inverse;
    return true;
}

bool mola_key_parse_object(mola_str rest, char folder, uint64_t *base, uint64_t *rand,
                           mola_str *tail)
{
    char start[] = {folder, '/'};
    if (!cut_prefix(&rest, (mola_str){start, sizeof start}) || !cut_u64(&rest, base) ||
        !cut_prefix(&rest, MOLA_STR(".")) || !cut_u64(&rest, rand))
        return false;
    *tail = rest;
    return true;
}

bool mola_key_parse_number(mola_str tail, char *kind, uint32_t *number)
{
    uint8_t bytes[4];
    bool head = cut_prefix(&tail, MOLA_STR("/h."));
    if ((!head && !cut_prefix(&tail, MOLA_STR("/o."))) || !cut_hex(&tail, bytes, sizeof bytes) ||
        tail.len != 0)
        return false;
    *kind = head ? 'h' : 'o';
    memcpy(number, bytes, sizeof bytes);
    *number = __builtin_bswap32(*number);
    return true;
}

bool mola_key_parse_pin(mola_str org, mola_str key, mola_str *name)
{
    mola_key prefix = mola_key_pin(org, (mola_str){0});
    if (!cut_prefix(&key, mola_key_str(&prefix)) || !mola_name_ok(key))
        return false;
    *name = key;
    return true;
}

bool mola_key_parse_hint(mola_str org, mola_str key, uint8_t nsid[16])
{
    mola_key prefix = mola_key_hints(org);
    return cut_prefix(&key, mola_key_str(&prefix)) && cut_hex(&key, nsid, 16) && key.len == 0;
}

bool mola_name_ok(mola_str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX || mola_str_eq(name, MOLA_STR(".")) ||
        mola_str_eq(name, MOLA_STR("..")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!good)
            return false;
    }
    return true;
}
