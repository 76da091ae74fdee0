#include "mola/codec/json.h"
#include "codec/json_tape.h"
#include "mola/base/check.h"

static mola_json_node node_of(mola_json value)
{
    MOLA_DCHECK(value.at < value.doc->count);
    return value.doc->tape[value.at];
}

mola_json mola_json_root(const mola_json_doc *doc)
{
    MOLA_ASSERT(doc->count > 0);
    return (mola_json){doc, 0};
}

mola_json_kind mola_json_kind_of(mola_json value)
{
    return value.doc ? mola_tape_kind(node_of(value)) : MOLA_JSON_NONE;
}

bool mola_json_is_set(mola_json value)
{
    return mola_json_kind_of(value) > MOLA_JSON_NULL;
}

bool mola_json_bool(mola_json value)
{
    MOLA_ASSERT(mola_json_kind_of(value) == MOLA_JSON_BOOL);
    return mola_tape_length(node_of(value)) == sizeof "true" - 1;
}

/* The element at place `at`, or for an object the value of the first key from there on that no
 * later member overrides. */
static mola_json member_from(mola_json container, uint32_t at)
{
    const mola_json_node *tape = container.doc->tape;
    uint32_t until = mola_tape_length(tape[container.at]);
    if (mola_tape_kind(tape[container.at]) == MOLA_JSON_OBJECT) {
        while (at < until && tape[at].tail & MOLA_TAPE_OVERRIDDEN)
            at = mola_tape_after(tape, at + 1);
        at++; /* over the key */
    }
    return at < until ? (mola_json){container.doc, at} : (mola_json){0};
}

mola_json mola_json_first(mola_json container)
{
    if (mola_json_kind_of(container) < MOLA_JSON_ARRAY)
        return (mola_json){0};
    return member_from(container, container.at + 1);
}

mola_json mola_json_next(mola_json container, mola_json value)
{
    MOLA_DCHECK(value.doc == container.doc && value.at > container.at);
    return member_from(container, mola_tape_after(value.doc->tape, value.at));
}

uint32_t mola_json_count(mola_json container)
{
    mola_json_kind kind = mola_json_kind_of(container);
    if (kind < MOLA_JSON_ARRAY)
        return 0;
    const mola_json_node *tape = container.doc->tape;
    uint32_t count = 0, key = kind == MOLA_JSON_OBJECT;
    uint32_t until = mola_tape_length(tape[container.at]);
    for (uint32_t at = container.at + 1; at < until; at = mola_tape_after(tape, at + key))
        count++;
    return count;
}

static bool resolve(const mola_json_doc *doc, mola_json_node string, mola_arena *arena,
                    mola_str *out)
{
    mola_str inside = mola_tape_inside(doc->text.data, string);
    if (string.tail & MOLA_TAPE_ESCAPED) {
        char *room = mola_arena_alloc(arena, inside.len, 1, 1);
        if (!room)
            return false;
        inside = (mola_str){room, mola_json_unescape(inside, room)};
    }
    *out = inside;
    return true;
}

bool mola_json_key(mola_json member, mola_arena *arena, mola_str *out)
{
    MOLA_ASSERT(member.doc && member.at > 0);
    mola_json_node key = member.doc->tape[member.at - 1];
    MOLA_DCHECK(mola_tape_kind(key) == MOLA_JSON_STRING);
    return resolve(member.doc, key, arena, out);
}

static bool text_is(const mola_json_doc *doc, mola_json_node string, mola_str text)
{
    return mola_json_texts_equal(mola_tape_inside(doc->text.data, string),
                                 (string.tail & MOLA_TAPE_ESCAPED) != 0, text, false);
}

mola_json mola_json_get(mola_json object, mola_str key)
{
    if (mola_json_kind_of(object) != MOLA_JSON_OBJECT)
        return (mola_json){0};
    mola_json v = mola_json_first(object);
    while (v.doc && !text_is(v.doc, v.doc->tape[v.at - 1], key))
        v = mola_json_next(object, v);
    return v;
}

mola_json mola_json_at(mola_json array, uint32_t index)
{
    if (mola_json_kind_of(array) != MOLA_JSON_ARRAY)
        return (mola_json){0};
    mola_json v = mola_json_first(array);
    while (v.doc && index-- > 0)
        v = mola_json_next(array, v);
    return v;
}

bool mola_json_string(mola_json value, mola_arena *arena, mola_str *out)
{
    MOLA_ASSERT(mola_json_kind_of(value) == MOLA_JSON_STRING);
    return resolve(value.doc, node_of(value), arena, out);
}

bool mola_json_string_is(mola_json value, mola_str text)
{
    return mola_json_kind_of(value) == MOLA_JSON_STRING && text_is(value.doc, node_of(value), text);
}

/* Offset behind the bracket that closes the one at `at`. */
static size_t container_end(mola_str text, size_t at)
{
    uint32_t depth = 0;
    bool in_string = false;
    for (;; at++) {
        MOLA_ASSERT(at < text.len);
        char c = text.data[at];
        if (in_string && c == '\\') {
            at++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '[' || c == '{')) {
            depth++;
        } else if (!in_string && (c == ']' || c == '}') && --depth == 0) {
            return at + 1;
        }
    }
}

mola_str mola_json_raw(mola_json value)
{
    if (!value.doc)
        return (mola_str){0};
    mola_json_node n = node_of(value);
    size_t from = mola_tape_offset(n), size = mola_tape_length(n);
    if (mola_tape_is_container(n)) {
        size = container_end(value.doc->text, from) - from;
    } else if (mola_tape_kind(n) == MOLA_JSON_STRING) {
        size += 2;
    }
    return (mola_str){value.doc->text.data + from, size};
}
