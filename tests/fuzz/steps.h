/* steps.h - requests on one namespace, a line each, carried out without a log and without threads:
 *
 *   write {...}      schema {...}     settings {...}   delete {}
 *   query {...}      old_write {...}  old_query {...}  (the words of 2024)
 *
 * Lines of another form, and those behind the twelfth, are passed over. The namespace is absent at
 * first. */
#pragma once
#include "../unit/scan/views.h"
#include "api/private.h"
#include "fuzz.h"
#include "mola/query/query.h"
#include "namespace/tail.h"
#include "write/draft.h"

enum { STEPS_MAX = 12, RUN_BYTES = 1 << 28 };

typedef struct {
    enum { STEP_WRITE, STEP_QUERY, STEP_OLD_QUERY } kind;
    mola_write_kind write; /* STEP_WRITE */
    bool shows_vectors;    /* STEP_OLD_QUERY */
    mola_buf text;         /* what `doc` was parsed from */
    mola_json_doc doc;
} step;
typedef struct {
    mola_heap heap;
    step steps[STEPS_MAX];
    uint32_t count;
} script;

static inline bool parse_step(mola_heap *heap, mola_str text, step *out)
{
    mola_buf_init(&out->text, heap);
    mola_buf_add_str(&out->text, text);
    mola_buf_add_zeros(&out->text, MOLA_JSON_PADDING);
    FUZZ_CHECK(!out->text.failed);
    if (mola_json_parse(heap, (mola_str){out->text.data, text.len}, &out->doc, NULL) == MOLA_OK)
        return true;
    mola_buf_free(&out->text);
    return false;
}

static inline void free_step(step *s)
{
    mola_json_free(&s->doc);
    mola_buf_free(&s->text);
}

/* What asks for nothing but limits. */
static inline mola_api with_defaults(void)
{
    static mola_env defaults;
    return (mola_api){.env = &defaults};
}

/* A body of 2024 in today's words. false: it was refused, with words. */
static inline bool translate(mola_heap *heap, step *s)
{
    mola_api api = with_defaults();
    request r = {
        .api = &api, .match = {.version = 1, .is_vectors = true}, .body = mola_json_root(&s->doc)};
    step old = *s;
    mola_heap_init(&r.memory.heap, RUN_BYTES);
    mola_arena_init(&r.arena, &r.memory.heap, RUN_BYTES);
    mola_buf_init(&r.plain, &r.memory.heap);
    mola_err err = s->kind == STEP_OLD_QUERY ? mola_legacy_query(&r) : mola_legacy_write(&r);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_SHAPE || err == MOLA_INVALID);
    FUZZ_CHECK(!err || r.why.len);
    s->shows_vectors = r.shows_vectors;
    if (err) {
        free_step(&old);
    } else if (r.has_doc) { /* else it was of today already */
        FUZZ_CHECK(parse_step(heap, mola_json_raw(r.body), s));
        free_step(&old);
    }
    if (r.has_doc)
        mola_json_free(&r.doc);
    mola_buf_free(&r.plain);
    mola_arena_reset(&r.arena);
    FUZZ_CHECK(atomic_load(&r.memory.heap.used) == 0);
    return !err;
}

static inline void add_line(script *s, mola_str line)
{
    static const struct {
        const char *word;
        step step;
    } kinds[] = {
        {"write ", {.kind = STEP_WRITE, .write = MOLA_WRITE_ROWS}},
        {"schema ", {.kind = STEP_WRITE, .write = MOLA_WRITE_SCHEMA}},
        {"settings ", {.kind = STEP_WRITE, .write = MOLA_WRITE_SETTINGS}},
        {"delete ", {.kind = STEP_WRITE, .write = MOLA_WRITE_DELETE}},
        {"query ", {.kind = STEP_QUERY}},
        {"old_write ", {.kind = STEP_WRITE, .write = MOLA_WRITE_ROWS}},
        {"old_query ", {.kind = STEP_OLD_QUERY}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        mola_str word = mola_str_of(kinds[i].word);
        step *out = &s->steps[s->count];
        *out = kinds[i].step;
        if (!mola_str_starts(line, word) ||
            !parse_step(&s->heap, mola_str_from(line, word.len), out))
            continue;
        bool is_old = mola_str_starts(word, MOLA_STR("old_"));
        s->count += !is_old || translate(&s->heap, out);
        return;
    }
}

static inline void script_open(script *s, mola_str text)
{
    s->count = 0;
    mola_heap_init(&s->heap, RUN_BYTES);
    while (text.len && s->count < STEPS_MAX) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        add_line(s, (mola_str){text.data, len});
        text = mola_str_from(text, end ? len + 1 : len);
    }
}

static inline void script_close(script *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        free_step(&s->steps[i]);
    FUZZ_CHECK(atomic_load(&s->heap.used) == 0);
}
