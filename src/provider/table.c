/* table.c - the operator's table: which model is where, and what it is called there. */
#include "mola/codec/json.h"
#include "provider/private.h"

enum { ENTRIES_MAX = 256, URL_BYTES_MAX = 2048 };

typedef struct {
    mola_model_table *table;
    mola_arena *arena;
    mola_why *why;
} reader;

static mola_err no_memory(const reader *r)
{
    return mola_fail(r->why, MOLA_NO_MEMORY, "no memory for the table of models");
}

/* ---- pieces of settings ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static mola_str trimmed(mola_str text)
{
    while (text.len && is_blank(text.data[0]))
        text = mola_str_from(text, 1);
    while (text.len && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* How much of `text` stands before the first of `ends` outside of braces and their strings. */
static size_t until(mola_str text, const char *ends)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (depth > 0 && c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && depth > 0) {
            depth--;
        } else if (depth == 0 && strchr(ends, c)) {
            return i;
        }
    }
    return text.len;
}

/* The next piece; `rest` loses it and what ended it. */
static mola_str take(mola_str *rest, const char *ends)
{
    size_t size = until(*rest, ends);
    mola_str piece = {rest->data, size};
    *rest = mola_str_from(*rest, size < rest->len ? size + 1 : size);
    return trimmed(piece);
}

typedef mola_err (*visitor)(reader *r, mola_str entry);

static mola_err for_entries(reader *r, const char *const *texts, uint32_t count, visitor visit)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        mola_str rest = mola_str_of(texts[i]);
        while (rest.len && !err) {
            mola_str entry = take(&rest, ";\n");
            if (entry.len)
                err = visit(r, entry);
        }
    }
    return err;
}

/* Takes `NAME=` off an entry. A URL may have that sign too, but behind a colon. */
static mola_str take_name(mola_str *entry)
{
    mola_str rest = *entry;
    mola_str name = mola_str_cut(&rest, '=');
    if (name.len == entry->len || memchr(name.data, ':', name.len))
        return (mola_str){entry->data, 0};
    *entry = trimmed(rest);
    return trimmed(name);
}

/* ---- endpoints ---- */

static mola_endpoint *endpoint_named(const mola_model_table *t, mola_str name)
{
    for (uint32_t i = 0; i < t->endpoint_count; i++) {
        if (mola_str_eq(t->endpoints[i].name, name))
            return &t->endpoints[i];
    }
    return NULL;
}

static bool is_url(mola_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr("@?#\"\\", text.data[i]))
            return false; /* no names and passwords: a URL is shown in logs */
    }
    return text.len < URL_BYTES_MAX && (mola_str_starts(text, MOLA_STR("http://")) ||
                                        mola_str_starts(text, MOLA_STR("https://")));
}

static mola_err add_url(reader *r, mola_str entry)
{
    mola_model_table *t = r->table;
    mola_str name = take_name(&entry), path = mola_str_of(t->path);
    while (entry.len && entry.data[entry.len - 1] == '/')
        entry.len--;
    if (!is_url(entry)) {
        return mola_fail(r->why, MOLA_INVALID,
                         "%s: \"" MOLA_FMT
                         "\" is not http://HOST/PATH or PROVIDER=http://HOST/PATH",
                         t->setting, MOLA_ARG(entry));
    }
    if (t->endpoint_count == ENTRIES_MAX || endpoint_named(t, name))
        return mola_fail(r->why, MOLA_INVALID, "%s: more than one for a provider", t->setting);
    mola_endpoint *e = &t->endpoints[t->endpoint_count++];
    mola_str url;
    if (!mola_arena_copy(r->arena, name, &e->name) ||
        !mola_arena_print(r->arena, &url, MOLA_FMT MOLA_FMT "%c", MOLA_ARG(entry), MOLA_ARG(path),
                          '\0'))
        return no_memory(r);
    e->url = url.data;
    return MOLA_OK;
}

static mola_err add_key(reader *r, mola_str entry)
{
    mola_str rest = entry, name = take_name(&rest);
    mola_endpoint *named = name.len ? endpoint_named(r->table, name) : NULL;
    mola_str key = named ? rest : entry;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] <= ' ' || key.data[i] > '~') {
            return mola_fail(r->why, MOLA_INVALID, "a key for %s has characters that no key has",
                             r->table->setting);
        }
    }
    mola_endpoint *e = named ? named : endpoint_named(r->table, MOLA_STR(""));
    if (!e) {
        return mola_fail(r->why, MOLA_INVALID, "%s: there is a key for a provider without a URL",
                         r->table->setting);
    }
    return mola_arena_copy(r->arena, key, &e->key) ? MOLA_OK : no_memory(r);
}

/* ---- models ---- */

static mola_err wrong_model(const reader *r, mola_str entry)
{
    return mola_fail(r->why, MOLA_INVALID,
                     "%s models: \"" MOLA_FMT "\" is not "
                     "NAME=REMOTE[,dims=N][,dtype=f16|f32][,document={..}][,query={..}][,bound=..]",
                     r->table->what, MOLA_ARG(entry));
}

/* The members of an object, as they stand between its braces. */
static mola_err take_members(const reader *r, mola_str text, mola_str *out)
{
    mola_str padded;
    mola_json_doc doc;
    char padding[MOLA_JSON_PADDING] = {0};
    if (!mola_arena_print(r->arena, &padded, MOLA_FMT "%*s", MOLA_ARG(text), MOLA_JSON_PADDING,
                          padding))
        return no_memory(r);
    mola_err err = mola_json_parse(r->arena->heap, (mola_str){padded.data, text.len}, &doc, NULL);
    if (err)
        return err;
    bool is_object = mola_json_kind_of(mola_json_root(&doc)) == MOLA_JSON_OBJECT;
    bool is_empty = !mola_json_first(mola_json_root(&doc)).doc;
    mola_json_free(&doc);
    if (is_object && !is_empty)
        *out = (mola_str){padded.data + 1, text.len - 2};
    return is_object ? MOLA_OK : MOLA_INVALID;
}

static bool take_dims(mola_str text, uint32_t *out)
{
    uint32_t dims = 0;
    for (size_t i = 0; i < text.len && dims <= MOLA_DIMS_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        dims = dims * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = dims;
    return dims >= 1 && dims <= MOLA_DIMS_MAX;
}

static mola_err take_option(const reader *r, mola_str option, mola_remote_model *out)
{
    mola_str value = option, name = take_name(&value);
    if (mola_str_eq(name, MOLA_STR("document")))
        return take_members(r, value, &out->document);
    if (mola_str_eq(name, MOLA_STR("query")))
        return take_members(r, value, &out->query);
    if (mola_str_eq(name, MOLA_STR("dims")))
        return take_dims(value, &out->dims) ? MOLA_OK : MOLA_INVALID;
    if (mola_str_eq(name, MOLA_STR("dtype"))) {
        out->elem = mola_str_eq(value, MOLA_STR("f32")) ? MOLA_ELEM_VEC_F32 : MOLA_ELEM_VEC_F16;
        return out->elem == MOLA_ELEM_VEC_F32 || mola_str_eq(value, MOLA_STR("f16")) ? MOLA_OK
                                                                                     : MOLA_INVALID;
    }
    if (!mola_str_eq(name, MOLA_STR("bound")))
        return MOLA_INVALID;
    bool known = mola_str_eq(value, MOLA_STR("top_n")) || mola_str_eq(value, MOLA_STR("top_k")) ||
                 mola_str_eq(value, MOLA_STR("none"));
    if (!known)
        return MOLA_INVALID;
    return mola_arena_copy(r->arena, value, &out->bound) ? MOLA_OK : no_memory(r);
}

/* Of the whole name, of the part before the slash, or the one for all others. */
static const mola_endpoint *place_of(const mola_model_table *t, mola_str name)
{
    mola_str rest = name;
    mola_str provider = mola_str_cut(&rest, '/');
    const mola_endpoint *e = endpoint_named(t, name);
    if (!e)
        e = endpoint_named(t, provider);
    return e ? e : endpoint_named(t, MOLA_STR(""));
}

static mola_err add_model(reader *r, mola_str entry)
{
    mola_model_table *t = r->table;
    mola_str rest = entry;
    mola_str name = trimmed(mola_str_cut(&rest, '='));
    mola_str remote = take(&rest, ",");
    if (!name.len || name.len > MOLA_MODEL_BYTES_MAX || !remote.len || !mola_utf8_ok(name) ||
        !mola_utf8_ok(remote))
        return wrong_model(r, entry);
    if (t->model_count == ENTRIES_MAX || mola_model_table_find(t, name)) {
        return mola_fail(r->why, MOLA_INVALID, "%s models: \"" MOLA_FMT "\" is there twice",
                         t->what, MOLA_ARG(name));
    }
    mola_remote_model *m = &t->models[t->model_count];
    *m = (mola_remote_model){.elem = MOLA_ELEM_VEC_F16, .bound = MOLA_STR("top_n")};
    m->at = place_of(t, name);
    if (!m->at) {
        return mola_fail(r->why, MOLA_INVALID, "%s has no URL for the model \"" MOLA_FMT "\"",
                         t->setting, MOLA_ARG(name));
    }
    if (!mola_arena_copy(r->arena, name, &m->name) ||
        !mola_arena_copy(r->arena, remote, &m->remote))
        return no_memory(r);
    while (rest.len) {
        mola_err err = take_option(r, take(&rest, ","), m);
        if (err)
            return err == MOLA_INVALID ? wrong_model(r, entry) : no_memory(r);
    }
    t->model_count++;
    return MOLA_OK;
}

const mola_remote_model *mola_model_table_find(const mola_model_table *t, mola_str name)
{
    for (uint32_t i = 0; i < t->model_count; i++) {
        if (mola_str_eq(t->models[i].name, name))
            return &t->models[i];
    }
    return NULL;
}

mola_err mola_model_table_read(mola_model_table *table, const mola_provider_settings *settings,
                               mola_arena *arena, mola_why *why)
{
    reader r = {.table = table, .arena = arena, .why = why};
    table->endpoints = mola_new(arena, mola_endpoint, ENTRIES_MAX);
    table->models = mola_new(arena, mola_remote_model, ENTRIES_MAX);
    if (!table->endpoints || !table->models)
        return no_memory(&r);
    mola_err err = for_entries(&r, settings->urls, settings->url_count, add_url);
    if (!err)
        err = for_entries(&r, settings->keys, settings->key_count, add_key);
    if (!err)
        err = for_entries(&r, settings->models, settings->model_count, add_model);
    return err;
}
