/* LIST of every driver against the definition of a listing: sort all keys, cut them, filter them.
 */
#include "harness.h"

START_TEST(an_empty_store_lists_nothing)
{
    open_fresh(url_table[_i]);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, 0);
    ck_assert(!me.op.truncated);
    ck_err(list(&me, K("d/none/w/")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, 0);
    close_fresh();
}
END_TEST

static size_t put_usable(const char *const *keys, size_t count)
{
    const char *usable[16];
    ck_assert_uint_le(count, sizeof usable / sizeof *usable);
    count = usable_keys(keys, count, usable);
    for (size_t i = 0; i < count; i++)
        ck_err(put(&me, mola_str_of(usable[i]), K("x")), MOLA_OK);
    return count;
}

START_TEST(keys_come_in_byte_order_of_the_whole_key)
{
    open_fresh(url_table[_i]);
    static const char *const keys[] = {"a0",    "a/b",  "a.b",   "a-b", "a",
                                       "a/b/c", "a-/b", "a/b-c", "A"};
    put_usable(keys, sizeof keys / sizeof *keys);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_usable_keys("A", "a", "a-/b", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0");
    close_fresh();
}
END_TEST

START_TEST(a_prefix_need_not_end_with_a_part)
{
    open_fresh(url_table[_i]);
    static const char *const keys[] = {"ns/ab", "ns/abc", "ns/abc/d", "ns/b", "nsx", "ns"};
    size_t count = put_usable(keys, sizeof keys / sizeof *keys);
    ck_err(list(&me, K("ns/ab")), MOLA_OK);
    ck_usable_keys("ns/ab", "ns/abc", "ns/abc/d");
    ck_err(list(&me, K("ns/abc")), MOLA_OK);
    ck_usable_keys("ns/abc", "ns/abc/d");
    ck_err(list(&me, K("ns/abc/")), MOLA_OK);
    ck_keys("ns/abc/d");
    ck_err(list(&me, K("ns")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, count);
    close_fresh();
}
END_TEST

START_TEST(a_prefix_that_no_key_can_have_lists_nothing)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a/b"), K("x")), MOLA_OK);
    static const char *const prefixes[] = {"/", "a//", "../", "a/../", "./", "a/./b", "//"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        ck_err(list(&me, mola_str_of(prefixes[i])), MOLA_OK);
        ck_assert_uint_eq(me.op.entry_count, 0);
    }
    close_fresh();
}
END_TEST

START_TEST(a_delimiter_rolls_keys_up)
{
    open_fresh(url_table[_i]);
    static const char *const keys[] = {"d/1/p/a", "d/1/w/a", "d/1/w/b", "d/1x", "d/2/w/a", "ns/a"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ck_err(put(&me, mola_str_of(keys[i]), K("x")), MOLA_OK);
    ck_err(run_op(&me, (mola_store_op){.verb = MOLA_LIST, .key = K("d/"), .delimiter = '/'}),
           MOLA_OK);
    ck_keys("d/1/", "d/1x", "d/2/");
    ck_err(run_op(&me, (mola_store_op){.verb = MOLA_LIST, .key = K("d/1"), .delimiter = '/'}),
           MOLA_OK);
    ck_keys("d/1/", "d/1x");
    ck_err(run_op(&me, (mola_store_op){.verb = MOLA_LIST, .key = K(""), .delimiter = '/'}),
           MOLA_OK);
    ck_keys("d/", "ns/");
    close_fresh();
}
END_TEST

START_TEST(a_rolled_up_prefix_is_not_after_itself)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a/1"), K("x")), MOLA_OK);
    ck_err(put(&me, K("a/2"), K("x")), MOLA_OK);
    ck_err(put(&me, K("b/1"), K("x")), MOLA_OK);
    mola_store_op ask = {.verb = MOLA_LIST, .delimiter = '/', .start_after = K("a/")};
    ck_err(run_op(&me, ask), MOLA_OK);
    ck_keys("b/");
    ask.start_after = K("a/1");
    ck_err(run_op(&me, ask), MOLA_OK);
    ck_keys("b/");
    ask.start_after = K("a");
    ck_err(run_op(&me, ask), MOLA_OK);
    ck_keys("a/", "b/");
    close_fresh();
}
END_TEST

START_TEST(a_prefix_whose_last_key_went_is_gone)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("d/1/w/1"), K("x")), MOLA_OK);
    ck_err(put(&me, K("d/2/w/1"), K("x")), MOLA_OK);
    ck_err(delete_key(&me, K("d/1/w/1")), MOLA_OK);
    ck_err(run_op(&me, (mola_store_op){.verb = MOLA_LIST, .key = K("d/"), .delimiter = '/'}),
           MOLA_OK);
    ck_keys("d/2/");
    close_fresh();
}
END_TEST

START_TEST(sizes_are_of_the_objects)
{
    open_fresh(url_table[_i]);
    static const char body[5000];
    static const size_t sizes[] = {0, 1, 63, 64, 65, 96, 176, 4096, 5000};
    char key[16];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        (void)snprintf(key, sizeof key, "s/%zu", i);
        ck_err(put(&me, mola_str_of(key), (mola_str){body, sizes[i]}), MOLA_OK);
    }
    ck_err(list(&me, K("s/")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, sizeof sizes / sizeof *sizes);
    for (size_t i = 0; i < me.op.entry_count; i++)
        ck_assert_uint_eq(me.op.entries[i].size, sizes[i]);
    close_fresh();
}
END_TEST

START_TEST(a_page_holds_at_most_a_thousand)
{
    open_fresh(url_table[_i]);
    enum { KEYS = MOLA_LIST_KEYS_MAX + 3 };
    char key[24];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "d/w/%06d", i);
        ck_err(put_new(&me, mola_str_of(key), K("x")), MOLA_OK);
    }
    ck_err(run_op(&me, (mola_store_op){.verb = MOLA_LIST, .keys_max = UINT32_MAX}), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, MOLA_LIST_KEYS_MAX);
    ck_assert(me.op.truncated);
    mola_store_op next = {.verb = MOLA_LIST,
                          .start_after = me.op.entries[MOLA_LIST_KEYS_MAX - 1].key};
    ck_err(run_op(&me, next), MOLA_OK);
    ck_keys("d/w/001000", "d/w/001001", "d/w/001002");
    ck_assert(!me.op.truncated);
    next = (mola_store_op){.verb = MOLA_LIST, .start_after = K("d/w/000002")};
    ck_err(run_op(&me, next), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, MOLA_LIST_KEYS_MAX);
    ck_assert(!me.op.truncated); /* exactly the rest: nothing is behind it */
    close_fresh();
}
END_TEST

/* --- Against the definition --- */

enum { KEYS_MAX = 160, KEY_BYTES = 24, QUERIES = 400 };
static struct {
    char text[KEY_BYTES];
    bool there;
} model[KEYS_MAX];
static size_t model_count;
static uint64_t seed;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33) % limit;
}

static void random_text(char out[KEY_BYTES], uint32_t bytes_max)
{
    static const char bytes[] = "aaabb/////--..A%0~";
    uint32_t len = random_below(bytes_max + 1);
    for (uint32_t i = 0; i < len; i++)
        out[i] = bytes[random_below(sizeof bytes - 1)];
    out[len] = '\0';
}

/* Servers that walk folders, as MinIO does, lose entries behind a start-after where one name goes
 * on after a folder's with a byte below '/'. Keys of the protocol do not: there, folders lie beside
 * folders, and their names have one length. */
static void tame_names(char *text)
{
    for (; *text; text++) {
        if (*text < '/')
            *text = '0';
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b); /* the text is the first member */
}

static void fill_model(void)
{
    for (model_count = 0; model_count < KEYS_MAX;) {
        char *text = model[model_count].text;
        random_text(text, KEY_BYTES - 1 - random_below(KEY_BYTES - 4));
        if (!keys_are_free())
            tame_names(text);
        bool fresh = mola_store_key_ok(mola_str_of(text));
        for (size_t i = 0; fresh && i < model_count; i++) {
            bool apart = !nested(model[i].text, text) && !nested(text, model[i].text);
            fresh = strcmp(model[i].text, text) != 0 && (apart || keys_are_free());
        }
        if (!fresh)
            continue;
        model[model_count++].there = true;
        ck_err(put_new(&me, mola_str_of(text), mola_str_of(text)), MOLA_OK);
    }
    qsort(model, model_count, sizeof *model, by_text);
}

/* The whole listing by its definition, without pages. */
static size_t define_list(const mola_store_op *ask, char out[KEYS_MAX][KEY_BYTES])
{
    size_t count = 0;
    for (size_t i = 0; i < model_count; i++) {
        mola_str key = mola_str_of(model[i].text);
        if (!model[i].there || !mola_str_starts(key, ask->key))
            continue;
        char shown[KEY_BYTES];
        (void)snprintf(shown, sizeof shown, "%s", model[i].text);
        char *cut = ask->delimiter ? strchr(shown + ask->key.len, ask->delimiter) : NULL;
        if (cut)
            cut[1] = '\0';
        if (mola_str_cmp(mola_str_of(shown), ask->start_after) <= 0)
            continue;
        if (count == 0 || strcmp(out[count - 1], shown) != 0)
            memcpy(out[count++], shown, sizeof shown);
    }
    return count;
}

static void random_start(char out[KEY_BYTES])
{
    if (keys_are_free() && random_below(3) == 0) {
        random_text(out, 6);
        return;
    }
    (void)snprintf(out, KEY_BYTES, "%s", model[random_below((uint32_t)model_count)].text);
    if (keys_are_free() && random_below(2) == 0)
        out[random_below((uint32_t)strlen(out) + 1)] = '\0';
}

/* Follows all pages of one listing and compares each entry. */
static void compare_listing(mola_store_op ask, uint64_t first_seed)
{
    static char expected[KEYS_MAX][KEY_BYTES];
    size_t count = define_list(&ask, expected), seen = 0;
    for (bool more = true; more;) {
        ck_err(run_op(&me, ask), MOLA_OK);
        size_t left = count - seen;
        size_t page = ask.keys_max && left > ask.keys_max ? ask.keys_max : left;
        ck_assert_msg(me.op.entry_count == page && me.op.truncated == (left > page),
                      "seed %llu: prefix '" MOLA_FMT "' after '" MOLA_FMT
                      "' delimiter '%c' max %u: "
                      "%u entries%s, expected %zu of %zu (%s)",
                      (unsigned long long)first_seed, MOLA_ARG(ask.key), MOLA_ARG(ask.start_after),
                      ask.delimiter ? ask.delimiter : ' ', ask.keys_max, me.op.entry_count,
                      me.op.truncated ? " and more" : "", page, left, url);
        for (size_t i = 0; i < page; i++) {
            ck_bytes(me.op.entries[i].key, mola_str_of(expected[seen + i]));
            if (!me.op.entries[i].is_prefix)
                ck_assert_uint_eq(me.op.entries[i].size, me.op.entries[i].key.len);
        }
        seen += page;
        more = me.op.truncated;
        if (more)
            ask.start_after = me.op.entries[page - 1].key;
    }
    ck_assert_uint_eq(seen, count);
}

START_TEST(every_listing_is_as_defined)
{
    open_fresh(url_table[_i]);
    const char *given = getenv("MOLA_TEST_SEED");
    mola_chance(env, &seed, sizeof seed);
    if (given)
        seed = strtoull(given, NULL, 10);
    uint64_t first_seed = seed;
    fill_model();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < QUERIES; i++) {
            char prefix[KEY_BYTES] = "", start[KEY_BYTES] = "";
            if (random_below(4))
                random_start(prefix);
            if (random_below(2))
                random_start(start);
            mola_store_op ask = {.verb = MOLA_LIST,
                                 .key = mola_str_of(prefix),
                                 .start_after = mola_str_of(start),
                                 .delimiter = "\0//-a"[random_below(keys_are_free() ? 5 : 3)],
                                 .keys_max = random_below(2) ? 1 + random_below(9) : 0};
            compare_listing(ask, first_seed);
            mola_arena_reset(&me.arena);
        }
        for (size_t i = 0; i < model_count; i++) {
            if (model[i].there && random_below(2)) {
                ck_err(delete_key(&me, mola_str_of(model[i].text)), MOLA_OK);
                model[i].there = false;
            }
        }
    }
    close_fresh();
}
END_TEST

int main(void)
{
    read_url_table();
    const TTest *const per_driver[] = {
        an_empty_store_lists_nothing,
        keys_come_in_byte_order_of_the_whole_key,
        a_prefix_need_not_end_with_a_part,
        a_prefix_that_no_key_can_have_lists_nothing,
        a_delimiter_rolls_keys_up,
        a_rolled_up_prefix_is_not_after_itself,
        a_prefix_whose_last_key_went_is_gone,
        sizes_are_of_the_objects,
        a_page_holds_at_most_a_thousand,
        every_listing_is_as_defined,
    };
    Suite *suite = suite_create("store list");
    TCase *each = tcase_create("each driver");
    tcase_set_timeout(each, 100);
    for (size_t i = 0; i < sizeof per_driver / sizeof *per_driver; i++)
        tcase_add_loop_test(each, per_driver[i], 0, url_count);
    suite_add_tcase(suite, each);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
