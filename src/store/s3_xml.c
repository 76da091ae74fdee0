/* s3_xml.c - the few documents that a store answers with. Nothing in them is believed before it is
 * checked; documents with a DOCTYPE are refused, so entities cannot blow them up. */
#include "mola/base/check.h"
#include "s3.h"
#include <expat.h>
#include <stdio.h>

enum { TEXT_BYTES = 8192, DEPTH_MAX = 16, NAME_BYTES = 48 };

/* Walks the elements; `leaf` hears of each one that ends, with its text and its parent's name. */
typedef struct walk walk;
struct walk {
    XML_Parser parser;
    bool failed;
    int depth;
    char names[DEPTH_MAX][NAME_BYTES];
    char text[TEXT_BYTES];
    size_t size;
    void (*ended)(walk *w, const char *parent, const char *name, mola_str text);
    void *argument;
};

static void stop(walk *w)
{
    w->failed = true;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static void on_start(void *argument, const XML_Char *name, const XML_Char **attributes)
{
    walk *w = argument;
    (void)attributes;
    if (w->depth == DEPTH_MAX || strlen(name) >= NAME_BYTES) {
        stop(w);
        return;
    }
    (void)snprintf(w->names[w->depth++], NAME_BYTES, "%s", name);
    w->size = 0;
}

static void on_end(void *argument, const XML_Char *name)
{
    walk *w = argument;
    if (w->failed) /* an empty element ends even when its start has stopped the parser */
        return;
    MOLA_ASSERT(w->depth > 0);
    w->depth--;
    w->ended(w, w->depth ? w->names[w->depth - 1] : "", name, (mola_str){w->text, w->size});
    w->size = 0;
}

static void on_text(void *argument, const XML_Char *text, int size)
{
    walk *w = argument;
    if ((size_t)size > TEXT_BYTES - w->size) {
        stop(w);
        return;
    }
    memcpy(w->text + w->size, text, (size_t)size);
    w->size += (size_t)size;
}

static void on_doctype(void *argument, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int has_subset)
{
    (void)name, (void)system, (void)public, (void)has_subset;
    stop(argument);
}

/* false: not a well-formed document, or `ended` has stopped it. */
static bool walk_all(walk *w, mola_str xml)
{
    w->parser = XML_ParserCreate(NULL);
    if (!w->parser || xml.len > INT32_MAX) {
        XML_ParserFree(w->parser);
        return false;
    }
    XML_SetUserData(w->parser, w);
    XML_SetElementHandler(w->parser, on_start, on_end);
    XML_SetCharacterDataHandler(w->parser, on_text);
    XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
    bool ok =
        XML_Parse(w->parser, xml.len ? xml.data : "", (int)xml.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(w->parser);
    return ok && !w->failed;
}

/* Of a text that is for people: cut, and only printable characters. */
static void keep(char *out, size_t room, mola_str text)
{
    if (*out)
        return;
    size_t size = text.len < room - 1 ? text.len : room - 1;
    memset(out, '?', size);
    for (size_t i = 0; i < size; i++) {
        if (text.data[i] >= 0x20 && text.data[i] <= 0x7e)
            out[i] = text.data[i];
    }
    out[size] = '\0';
}

/* --- Errors --- */

static void error_ended(walk *w, const char *parent, const char *name, mola_str text)
{
    mola_s3_error *e = w->argument;
    if (strcmp(parent, "Error") != 0)
        return;
    if (strcmp(name, "Code") == 0) {
        keep(e->code, sizeof e->code, text);
    } else if (strcmp(name, "Message") == 0) {
        keep(e->message, sizeof e->message, text);
    } else if (strcmp(name, "Region") == 0) {
        keep(e->region, sizeof e->region, text);
    }
}

void mola_s3_error_parse(mola_str xml, mola_s3_error *out)
{
    *out = (mola_s3_error){0};
    walk w = {.ended = error_ended, .argument = out};
    if (!walk_all(&w, xml))
        *out = (mola_s3_error){0};
}

/* --- One element --- */

typedef struct {
    const char *name;
    char *out;
    size_t room;
    int found;
} element;

static void element_ended(walk *w, const char *parent, const char *name, mola_str text)
{
    element *e = w->argument;
    (void)parent;
    if (strcmp(name, e->name) != 0)
        return;
    e->found++;
    if (text.len == 0 || text.len >= e->room || memchr(text.data, '\0', text.len)) {
        stop(w);
        return;
    }
    memcpy(e->out, text.data, text.len);
    e->out[text.len] = '\0';
}

bool mola_s3_element(mola_str xml, const char *name, char *out, size_t room)
{
    element e = {.name = name, .out = out, .room = room};
    walk w = {.ended = element_ended, .argument = &e};
    out[0] = '\0';
    return walk_all(&w, xml) && e.found == 1;
}

/* --- Listings --- */

typedef struct {
    mola_s3_listing *out;
    mola_arena *arena;
    uint32_t key_room, prefix_room;
    mola_s3_listed at; /* the Contents that is being read */
    bool has_key, has_size, has_truncated, is_listing, no_memory;
} listing;

static bool add(listing *l, mola_s3_listed **list, uint32_t *count, uint32_t *room,
                mola_s3_listed what)
{
    if (*count == *room) {
        uint32_t more = *room ? *room * 2 : 64;
        mola_s3_listed *longer = mola_new(l->arena, mola_s3_listed, more);
        if (!longer) {
            l->no_memory = true;
            return false;
        }
        if (*count)
            memcpy(longer, *list, *count * sizeof *longer);
        *list = longer;
        *room = more;
    }
    (*list)[(*count)++] = what;
    return true;
}

static bool copy(listing *l, mola_str text, mola_str *out)
{
    l->no_memory |= !mola_arena_copy(l->arena, text, out);
    return !l->no_memory && text.len > 0;
}

static bool parse_size(mola_str text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return false;
    }
    *out = value;
    return text.len > 0;
}

static bool contents_ended(listing *l, const char *name, mola_str text)
{
    if (strcmp(name, "Key") == 0) {
        bool first = !l->has_key;
        l->has_key = true;
        return first && copy(l, text, &l->at.key);
    }
    if (strcmp(name, "Size") == 0) {
        bool first = !l->has_size;
        l->has_size = true;
        return first && parse_size(text, &l->at.size);
    }
    return true;
}

static bool result_ended(listing *l, const char *name, mola_str text)
{
    mola_s3_listing *out = l->out;
    if (strcmp(name, "Contents") == 0) {
        bool whole = l->has_key && l->has_size;
        l->has_key = l->has_size = false;
        return whole && add(l, &out->keys, &out->key_count, &l->key_room, l->at);
    }
    if (strcmp(name, "IsTruncated") == 0) {
        bool first = !l->has_truncated;
        l->has_truncated = true;
        out->truncated = mola_str_eq(text, MOLA_STR("true"));
        return first && (out->truncated || mola_str_eq(text, MOLA_STR("false")));
    }
    if (strcmp(name, "NextContinuationToken") == 0 && text.len > 0)
        return out->next.len == 0 && copy(l, text, &out->next);
    if (strcmp(name, "EncodingType") == 0 && text.len > 0) {
        out->encoded = true;
        return mola_str_eq(text, MOLA_STR("url"));
    }
    return true;
}

static void listing_ended(walk *w, const char *parent, const char *name, mola_str text)
{
    listing *l = w->argument;
    bool ok = true;
    if (w->depth == 0) {
        l->is_listing = strcmp(name, "ListBucketResult") == 0;
    } else if (w->depth == 1) {
        ok = result_ended(l, name, text);
    } else if (w->depth == 2 && strcmp(parent, "Contents") == 0) {
        ok = contents_ended(l, name, text);
    } else if (w->depth == 2 && strcmp(parent, "CommonPrefixes") == 0 &&
               strcmp(name, "Prefix") == 0) {
        mola_s3_listed prefix = {0};
        ok = copy(l, text, &prefix.key) &&
             add(l, &l->out->prefixes, &l->out->prefix_count, &l->prefix_room, prefix);
    }
    if (!ok)
        stop(w);
}

mola_err mola_s3_listing_parse(mola_str xml, mola_arena *arena, mola_s3_listing *out, mola_why *why)
{
    *out = (mola_s3_listing){0};
    listing l = {.out = out, .arena = arena};
    walk w = {.ended = listing_ended, .argument = &l};
    bool ok = walk_all(&w, xml);
    if (l.no_memory)
        return mola_fail(why, MOLA_NO_MEMORY, "a page of a listing does not fit the memory");
    if (!ok || !l.is_listing || !l.has_truncated || (out->truncated && out->next.len == 0))
        return mola_fail(why, MOLA_UNAVAILABLE, "the answer of the store is no listing");
    return MOLA_OK;
}
