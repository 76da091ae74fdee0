#include "../namespace/world.h"
#include "mola/model/tokens.h"
#include "mola/query/query.h"
#include "namespace/name.h"
#include <string.h>

/* Texts of the log's tail are searched by postings that are made when they are first asked for.
 * Beside the namespace runs a view that belongs to nobody, so has none, and analyses each text at
 * each query: it must give the same answer, to the last bit, whatever was written in between. */

enum { TEXT = 1, LIST = 2, TEXT_IDS = 3000, TEXT_BYTES = 2048 };

static world w;
static mola_namespaces *all;
static mola_state *state;
static mola_view *shadow;

static mola_fts settings_of(bool stemming, bool stop_words)
{
    return (mola_fts){.k1 = 1.2F,
                      .b = 0.75F,
                      .k3 = 8,
                      .tokenizer = MOLA_TOKENIZER_WORD_V4,
                      .language = MOLA_LANGUAGE_ENGLISH,
                      .max_token_length = 39,
                      .stemming = stemming,
                      .remove_stopwords = stop_words};
}

static void begin(void)
{
    world_open(&w);
    all = node_open(&w, SIZE_MAX);
    state = mola_state_with_room(&w.heap, 2, 64);
    state->id_type = MOLA_ELEM_UINT;
    static const mola_type types[] = {{.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_STRING},
                                      {.form = MOLA_FORM_ARRAY, .elem = MOLA_ELEM_STRING}};
    static const char *const names[] = {"text", "list"};
    for (int i = 0; i < 2; i++) {
        mola_attr *attr;
        mola_why why = {0};
        ck_assert_int_eq(mola_state_add(state, mola_str_of(names[i]), types[i], &attr, &why),
                         MOLA_OK);
        attr->filterable = attr->has_fts = true;
        attr->fts = settings_of(i == 0, i == 0);
    }
}

static void end(void)
{
    if (shadow)
        mola_view_unref(shadow);
    shadow = NULL;
    mola_state_unref(state);
    mola_namespaces_close(all);
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), 0);
    world_close(&w);
}

/* ---- writing ---- */

static uint32_t add_words(dice *d, char *out, uint32_t count)
{
    static const char *const words[] = {
        "run",  "running", "runs", "The",          "and", "fish",  "Fishes", "caf\u00e9",
        "blue", "blues",   "a1",   "\u6c34\u9053", "x",   "tank,", "deep.",  "don't"};
    uint32_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t rare = below(d, 12);
        len += (uint32_t)(rare ? snprintf(out + len, TEXT_BYTES - len, "%s ",
                                          words[below(d, 1 + below(d, 16))])
                               : snprintf(out + len, TEXT_BYTES - len, "w%u ", below(d, 500)));
    }
    return len;
}

static void add_text(dice *d, mola_column_builder *b, uint32_t words)
{
    char text[TEXT_BYTES];
    mola_value v = {.elem = MOLA_ELEM_STRING, .s = {text, add_words(d, text, below(d, words))}};
    ck_assert_int_eq(mola_column_add_value(b, &v), MOLA_OK);
}

static void add_list(dice *d, mola_column_builder *b)
{
    char text[3 * TEXT_BYTES];
    uint32_t count = below(d, 4), row_from[2] = {0, count}, byte_from[4] = {0};
    for (uint32_t i = 0; i < count; i++)
        byte_from[i + 1] = byte_from[i] + add_words(d, text + byte_from[i], below(d, 5));
    mola_column one = {.type = b->type,
                       .rows = 1,
                       .row_from = row_from,
                       .byte_from = byte_from,
                       .data = (const uint8_t *)text};
    ck_assert_int_eq(mola_column_add_row(b, &one, 0), MOLA_OK);
}

typedef struct {
    uint32_t rows, patches_in_10, deletes_in_10, words;
} size;

typedef struct {
    uint8_t *ops;
    uint64_t *given[2];
    mola_column_builder ids, values[2];
    mola_row_column columns[2];
    mola_rows rows;
} texts;

static void texts_make(dice *d, texts *t, const size *s)
{
    static const mola_type uint = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_UINT};
    t->ops = mola_alloc_array(&w.heap, uint8_t, s->rows);
    mola_column_builder_init(&t->ids, &w.heap, uint);
    for (int a = 0; a < 2; a++) {
        t->given[a] = mola_alloc_array(&w.heap, uint64_t, mola_words(s->rows));
        mola_column_builder_init(&t->values[a], &w.heap, state->attrs[a].type);
    }
    for (uint32_t i = 0; i < s->rows; i++) {
        uint32_t kind = below(d, 10);
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = below(d, TEXT_IDS)};
        t->ops[i] = kind < s->patches_in_10                      ? MOLA_OP_PATCH
                    : kind < s->patches_in_10 + s->deletes_in_10 ? MOLA_OP_DELETE
                                                                 : MOLA_OP_UPSERT;
        ck_assert_int_eq(mola_column_add_value(&t->ids, &id), MOLA_OK);
        for (int a = 0; a < 2; a++) {
            bool has = t->ops[i] != MOLA_OP_DELETE && below(d, 5);
            bool given = t->ops[i] == MOLA_OP_PATCH ? below(d, 2) : has;
            has = has && given;
            t->given[a][i / 64] |= (uint64_t)given << i % 64;
            if (!has) {
                ck_assert_int_eq(mola_column_add_absent(&t->values[a], 1), MOLA_OK);
            } else if (a) {
                add_list(d, &t->values[a]);
            } else {
                add_text(d, &t->values[a], s->words);
            }
        }
    }
    for (int a = 0; a < 2; a++)
        t->columns[a] = (mola_row_column){.attr = state->attrs[a].id,
                                          .column = mola_column_built(&t->values[a]),
                                          .given = t->given[a]};
    t->rows = (mola_rows){.count = s->rows,
                          .ops = t->ops,
                          .ids = mola_column_built(&t->ids),
                          .column_count = 2,
                          .columns = t->columns};
}

static void texts_free(texts *t, uint32_t rows)
{
    mola_column_builder_free(&t->ids);
    for (int a = 0; a < 2; a++) {
        mola_column_builder_free(&t->values[a]);
        mola_free(&w.heap, t->given[a], mola_words(rows) * sizeof(uint64_t));
    }
    mola_free(&w.heap, t->ops, rows);
}

/* To the namespace, and to the view beside it. */
static void put(const mola_change *change)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_name *name = mola_name_open(all, MOLA_STR("texts"));
    mola_view *on = NULL, *after, *next;
    mola_err err = mola_log_open(ctx, name, &on);
    if (err == MOLA_NOT_FOUND) {
        mola_change first = *change;
        first.state = state;
        mola_why_clear(&r.why);
        err = mola_log_create(ctx, name, &first, &after);
    } else if (!err) {
        err = mola_log_append(ctx, name, on, change, &after);
        mola_view_unref(on);
    }
    ck_assert_msg(!err, "%s", r.why.text);
    mola_view_unref(after);
    mola_change same = *change;
    same.state = state;
    ck_assert_int_eq(mola_view_with(ctx, &w.heap, shadow, &same, &next), MOLA_OK);
    if (shadow)
        mola_view_unref(shadow);
    shadow = next;
    mola_name_close(name);
    request_end(&r);
}

static void put_texts(dice *d, size s)
{
    texts t;
    texts_make(d, &t, &s);
    put(&(mola_change){.rows = t.rows, .data_written = true});
    texts_free(&t, s.rows);
}

static void analyse_otherwise(dice *d)
{
    mola_state *next = mola_state_copy(&w.heap, state, 0);
    next->attrs[below(d, 2)].fts = settings_of(below(d, 2), below(d, 2));
    mola_state_unref(state);
    state = next;
    put(&(mola_change){.flags = MOLA_ENTRY_SCHEMA, .state = state});
}

/* ---- asking ---- */

static const char *const bodies[] = {
    "{\"limit\":40,\"rank_by\":[\"text\",\"BM25\",\"running fish w7 the\"]}",
    "{\"limit\":4000,\"rank_by\":[\"text\",\"BM25\",\"blue w1\",{\"last_as_prefix\":true}],"
    "\"include_attributes\":[\"text\"]}",
    "{\"limit\":4000,\"rank_by\":[\"Sum\",[[\"list\",\"BM25\",\"fish a1 a1\"],[\"Product\",0.5,["
    "\"text\",\"ContainsAnyToken\",\"nothing deep\"]],[\"text\",\"BM25\",\"run tank\"]]],"
    "\"filters\":[\"id\",\"Gt\",100]}",
    "{\"limit\":4000,\"filters\":[\"list\",\"ContainsAllTokens\",\"run x\"]}",
    "{\"limit\":4000,\"filters\":[\"Or\",[[\"list\",\"ContainsTokenSequence\",\"run x\"],[\"Not\",["
    "\"text\",\"ContainsAllTokens\",\"fish \u6c34\u9053\"]]]]}",
    "{\"limit\":4000,\"filters\":[\"text\",\"ContainsTokenSequence\",\"the fish\"],\"rank_by\":["
    "\"text\",\"BM25\",\"caf\u00e9\"]}",
    "{\"limit\":4000,\"filters\":[\"text\",\"ContainsAnyToken\",\"\",{\"last_as_prefix\":true}]}",
    "{\"aggregate_by\":{\"c\":[\"Count\"]},\"filters\":[\"And\",[[\"text\",\"ContainsAllTokens\","
    "\"run w\",{\"last_as_prefix\":true}],[\"list\",\"NotEq\",null]]]}",
};
enum { BODIES = sizeof bodies / sizeof *bodies };

static mola_json_doc parse_in(request *r, const char *body)
{
    mola_json_doc doc;
    size_t len = strlen(body);
    char *padded = mola_new(&r->arena, char, len + MOLA_JSON_PADDING);
    memcpy(padded, body, len);
    ck_assert_int_eq(mola_json_parse(&w.heap, (mola_str){padded, len}, &doc, &r->why), MOLA_OK);
    return doc;
}

/* *text: in the arena of the request, which the caller ends. */
static mola_err ask(request *r, const mola_view *view, const char *body, uint64_t patience_ms,
                    const char **text)
{
    mola_ctx *ctx = request_begin(&w, r, patience_ms);
    mola_query *query;
    mola_query_result result;
    mola_json_doc doc = parse_in(r, body);
    mola_err err = mola_query_parse(ctx, mola_json_root(&doc), &query);
    if (!err)
        err = mola_query_run(ctx, view, mola_kernel_select(NULL), query, &result);
    ck_assert_ptr_null(ctx->pins);
    if (!err) {
        char *copy = mola_new(&r->arena, char, result.members.len + 1);
        memcpy(copy, result.members.data, result.members.len);
        *text = copy;
        mola_buf_free(&result.members);
    }
    mola_json_free(&doc);
    return err;
}

static mola_view *view_of(mola_namespaces *from)
{
    request r;
    mola_view *view;
    mola_err err = read_view(&w, from, "texts", MOLA_READ_STRONG, &view, &r);
    ck_assert_msg(!err, "%s", r.why.text);
    return view;
}

/* *text is a copy on the heap of the C library. */
static mola_err ask_copy(const mola_view *view, const char *body, uint64_t patience_ms, char **text)
{
    request r;
    const char *answer = NULL;
    mola_err err = ask(&r, view, body, patience_ms, &answer);
    *text = err ? NULL : strdup(answer);
    request_end(&r);
    return err;
}

static void compare_views(const mola_view *view, const mola_view *oracle)
{
    for (size_t i = 0; i < BODIES; i++) {
        char *mine, *theirs;
        ck_assert_int_eq(ask_copy(view, bodies[i], 60000, &mine), MOLA_OK);
        ck_assert_int_eq(ask_copy(oracle, bodies[i], 60000, &theirs), MOLA_OK);
        ck_assert_msg(strcmp(mine, theirs) == 0, "%s:\n%.2000s\nnot\n%.2000s", bodies[i], mine,
                      theirs);
        free(mine);
        free(theirs);
    }
}

static void compare(mola_namespaces *from)
{
    mola_view *view = view_of(from);
    compare_views(view, shadow);
    mola_view_unref(view);
}

static int64_t made(void)
{
    return world_metric(&w, MOLA_M_tail_postings_total);
}

static int64_t refused(void)
{
    return world_metric(&w, MOLA_M_tail_postings_refused_total);
}

/* Each of two attributes. */
static int64_t windows_of(const mola_view *view)
{
    int64_t windows = 0;
    for (uint32_t i = 0; i < view->part_count; i++)
        windows += 2 * mola_windows(view->parts[i].rows);
    return windows;
}

/* ---- the tests ---- */

static void put_some(dice *d)
{
    for (uint32_t i = 0, batches = below(d, 12); i <= batches; i++)
        put_texts(d, (size){.rows = 1 + below(d, below(d, 4) ? 8 : 300),
                            .patches_in_10 = below(d, 5),
                            .deletes_in_10 = below(d, 3),
                            .words = 14});
}

START_TEST(postings_answer_like_texts)
{
    dice d = {test_seed(0x7a11) + (uint64_t)_i};
    for (int step = 0; step < 12; step++) {
        if (_i % 3 == 0 && step % 4 == 0)
            put_texts(&d, (size){.rows = 5000, .words = 8});
        put_some(&d);
        if (step % 4 == 2)
            analyse_otherwise(&d);
        compare(all);
    }
    ck_assert_int_gt(made(), 0);
    ck_assert_int_eq(refused(), 0);
}
END_TEST

/* Two views share parts and analyse their texts in different ways. */
START_TEST(an_older_view_keeps_its_analysis)
{
    dice d = {test_seed(0x01de) + (uint64_t)_i};
    put_texts(&d, (size){.rows = 3000, .words = 8});
    put_some(&d);
    mola_view *older = view_of(all), *older_shadow = shadow;
    mola_view_ref(older_shadow);
    if (_i % 2)
        compare_views(older, older_shadow);
    analyse_otherwise(&d);
    compare(all);
    put_some(&d);
    compare(all);
    compare_views(older, older_shadow);
    mola_view_unref(older);
    mola_view_unref(older_shadow);
}
END_TEST

/* A later member of a commit group sees the rows of those before it: parts of its own, read by
 * their texts, beside those of the view, read by their postings. */
START_TEST(an_overlay_finds_what_stands_below_it)
{
    dice d = {test_seed(0x0e71a) + (uint64_t)_i};
    put_texts(&d, (size){.rows = 3000, .words = 8});
    put_some(&d);
    size s = {.rows = 400, .patches_in_10 = 3, .deletes_in_10 = 2, .words = 14};
    texts t;
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_view *view = view_of(all), *over, *shadow_over;
    texts_make(&d, &t, &s);
    mola_change change = {.rows = t.rows};
    ck_assert_int_eq(mola_view_with(ctx, &w.heap, view, &change, &over), MOLA_OK);
    ck_assert_int_eq(mola_view_with(ctx, &w.heap, shadow, &change, &shadow_over), MOLA_OK);
    compare_views(over, shadow_over);
    ck_assert_int_gt(made(), 0);
    compare_views(view, shadow);
    mola_view_unref(over);
    mola_view_unref(shadow_over);
    mola_view_unref(view);
    texts_free(&t, s.rows);
    request_end(&r);
}
END_TEST

/* Whoever only writes, and asks for other things, pays nothing; the first search pays for all. */
START_TEST(postings_are_made_once_and_only_when_asked_for)
{
    dice d = {test_seed(0x1a2)};
    char *text;
    put_texts(&d, (size){.rows = 9000, .words = 8});
    put_some(&d);
    mola_view *view = view_of(all);
    ck_assert_int_eq(
        ask_copy(view, "{\"limit\":9000,\"filters\":[\"text\",\"NotEq\",null]}", 60000, &text),
        MOLA_OK);
    free(text);
    ck_assert_int_eq(made(), 0);
    int64_t before = world_metric(&w, MOLA_M_view_bytes);
    compare_views(view, shadow);
    ck_assert_int_eq(made(), windows_of(view));
    ck_assert_int_gt(world_metric(&w, MOLA_M_view_bytes), before); /* they are in the books */
    ck_assert_uint_gt(all->pages.bytes, 0);
    int64_t with = world_metric(&w, MOLA_M_view_bytes);
    compare_views(view, shadow);
    ck_assert_int_eq(made(), windows_of(view));
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), with);
    int64_t pages = (int64_t)all->pages.bytes;
    ck_assert(mola_pages_evict(&all->pages, SIZE_MAX)); /* nothing is pinned between queries */
    ck_assert_uint_eq(all->pages.bytes, 0);
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), with - pages);
    compare_views(view, shadow);
    ck_assert_int_eq(made(), 2 * windows_of(view));
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), with);
    mola_view_unref(view);
}
END_TEST

/* With the view go its postings. */
START_TEST(an_evicted_view_takes_its_postings_along)
{
    dice d = {test_seed(0xe71c7)};
    put_texts(&d, (size){.rows = 3000, .words = 8});
    compare(all);
    ck_assert_uint_gt(all->pages.bytes, 0);
    mola_name *name = mola_name_open(all, MOLA_STR("texts"));
    mola_view_forget(name);
    mola_name_close(name);
    ck_assert_uint_eq(all->pages.bytes, 0);
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), 0);
    compare(all);
}
END_TEST

/* A tail that fits is searched whatever room there is beside it: by postings that come and go, or
 * by its texts when there is none for them. */
START_TEST(with_little_room_the_answers_stay)
{
    dice d = {test_seed(0x1177e)};
    for (int i = 0; i < 3; i++)
        put_texts(&d, (size){.rows = 3000, .words = 60});
    mola_view *view = view_of(all);
    size_t tail = (size_t)world_metric(&w, MOLA_M_view_bytes);
    mola_view_unref(view);
    bool any_refused = false, any_made = false;
    for (uint32_t more = 0; more < 12; more++) { /* replaying takes a part twice */
        mola_namespaces *small = node_open(&w, tail * (8 + more) / 8);
        int64_t made_before = made(), refused_before = refused();
        request r;
        mola_err err = read_view(&w, small, "texts", MOLA_READ_STRONG, &view, &r);
        ck_assert(err == MOLA_OK || err == MOLA_NO_MEMORY);
        if (!err) {
            compare_views(view, shadow);
            ck_assert_uint_le(atomic_load(&small->views.heap.used), small->views.heap.limit);
            any_made |= made() > made_before;
            any_refused |= refused() > refused_before;
            mola_view_unref(view);
            mola_view_unref(view_of(small)); /* it did not have to go for its own postings */
        }
        mola_namespaces_close(small);
    }
    ck_assert(any_made);
    ck_assert(any_refused);
}
END_TEST

/* A search that runs out of time leaves what it has made, and nobody waits for the rest. */
START_TEST(a_search_that_is_late_gives_its_claims_up)
{
    dice d = {test_seed(0x1a7e)};
    char *text;
    put_texts(&d, (size){.rows = 3000, .words = 8});
    mola_view *view = view_of(all);
    ck_assert_int_eq(ask_copy(view, bodies[0], 0, &text), MOLA_UNAVAILABLE);
    ck_assert_int_eq(made(), 0);
    compare_views(view, shadow);
    mola_view_unref(view);
}
END_TEST

/* ---- many at once ---- */

enum { ASKERS = 6, ROUNDS = 4 };

typedef struct {
    const mola_view *view;
    const char *body;
    const char *expected;
    uint32_t impatient; /* every so many-th question has no time; 0: none */
    uint32_t wrong;
    bool done;
} asker;

static mola_lock asked_lock; /* guards done */
static mola_event asked;

static void ask_again_and_again(void *argument)
{
    asker *a = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char *text;
        bool late = a->impatient && i % a->impatient == 0;
        mola_err err = ask_copy(a->view, a->body, late ? 0 : 60000, &text);
        a->wrong += late ? err != MOLA_UNAVAILABLE : err || strcmp(text, a->expected) != 0;
        free(text);
    }
    MOLA_LOCKED(&asked_lock);
    a->done = true;
    mola_event_wake_all(&asked);
}

static void ask_at_once(const mola_view *view, char *const *expected, uint32_t impatient)
{
    asker askers[ASKERS];
    for (uint32_t i = 0; i < ASKERS; i++) {
        askers[i] = (asker){.view = view,
                            .body = bodies[i],
                            .expected = expected[i],
                            .impatient = i % 2 ? impatient : 0};
        ck_assert_int_eq(w.env->ops->spawn(w.env, "asker", ask_again_and_again, &askers[i]),
                         MOLA_OK);
    }
    mola_lock_take(&asked_lock);
    for (uint32_t i = 0; i < ASKERS; i++) {
        while (!askers[i].done)
            (void)mola_event_wait(&asked, &asked_lock, MOLA_NEVER);
    }
    mola_lock_give(&asked_lock);
    for (uint32_t i = 0; i < ASKERS; i++)
        ck_assert_uint_eq(askers[i].wrong, 0);
}

/* Threads that come together share the work: each window is made once. */
START_TEST(threads_share_what_they_make)
{
    dice d = {test_seed(0x7b3ead)};
    char *expected[ASKERS];
    mola_lock_init(&asked_lock, w.env, MOLA_RANK_HTTP);
    mola_event_init(&asked, w.env);
    for (int round = 0; round < 3; round++) {
        put_texts(&d, (size){.rows = 9000, .words = 8});
        put_some(&d);
        for (uint32_t i = 0; i < ASKERS; i++)
            ck_assert_int_eq(ask_copy(shadow, bodies[i], 60000, &expected[i]), MOLA_OK);
        mola_view *view = view_of(all);
        (void)mola_pages_evict(&all->pages, SIZE_MAX);
        int64_t before = made();
        ask_at_once(view, expected, round == 2 ? 2 : 0);
        ck_assert_int_eq(made() - before, windows_of(view));
        mola_view_unref(view);
        for (uint32_t i = 0; i < ASKERS; i++)
            free(expected[i]);
    }
    mola_event_free(&asked);
    mola_lock_free(&asked_lock);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tail");
    TCase *cases = tcase_create("tail");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, postings_answer_like_texts, 0, 9);
    tcase_add_loop_test(cases, an_older_view_keeps_its_analysis, 0, 4);
    tcase_add_loop_test(cases, an_overlay_finds_what_stands_below_it, 0, 3);
    tcase_add_test(cases, postings_are_made_once_and_only_when_asked_for);
    tcase_add_test(cases, an_evicted_view_takes_its_postings_along);
    tcase_add_test(cases, with_little_room_the_answers_stay);
    tcase_add_test(cases, a_search_that_is_late_gives_its_claims_up);
    tcase_add_test(cases, threads_share_what_they_make);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
