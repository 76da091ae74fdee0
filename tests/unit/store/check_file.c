/* What only the file: driver promises: names on disk, trailers, what it refuses, what it repairs.
 */
#include "harness.h"
#include "store/file.h"
#include <fcntl.h>
#include <sys/stat.h>

static void setup(void)
{
    char base[URL_BYTES];
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(base, sizeof base, "file:%s", tmp ? tmp : "/tmp");
    open_fresh(base);
}

static void reopen(void)
{
    mola_store_close(store);
    store = open_store(env);
    me.store = store;
}

static const char *path_below(const char *name)
{
    static char path[URL_BYTES + 128];
    (void)snprintf(path, sizeof path, "%s/%s", file_root(), name);
    return path;
}

/* --- F6: paths --- */

static uint64_t seed;
static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33) % limit;
}

/* Reads a path back the way the walk does. */
static void decode_path(bool fold, const char *path, char out[MOLA_KEY_BYTES_MAX + 1], size_t *len)
{
    mola_str rest = mola_str_of(path);
    *len = 0;
    while (rest.len) {
        char bytes[MOLA_FILE_NAME_BYTES_MAX];
        size_t part;
        mola_file_kind kind;
        mola_str component = mola_str_cut(&rest, '/');
        ck_assert_uint_le(component.len, 255);
        ck_assert(mola_file_name_decode(fold, component, &kind, bytes, &part));
        ck_assert_uint_le(*len + part, MOLA_KEY_BYTES_MAX);
        memcpy(out + *len, bytes, part);
        *len += part;
        ck_assert((kind == MOLA_FILE_OBJECT) == (rest.len == 0));
        if (kind == MOLA_FILE_DIRECTORY)
            out[(*len)++] = '/';
    }
}

START_TEST(a_path_leads_back_to_its_key)
{
    static const char bytes[] = "aAzZ%%%/o+.-~ 25";
    mola_chance(env, &seed, sizeof seed);
    uint64_t first_seed = seed;
    for (int i = 0; i < 20000; i++) {
        char key[MOLA_KEY_BYTES_MAX], back[MOLA_KEY_BYTES_MAX + 1];
        size_t len = 1 + random_below(random_below(8) ? 20 : MOLA_KEY_BYTES_MAX), back_len;
        for (size_t k = 0; k < len; k++)
            key[k] = bytes[random_below(random_below(4) ? sizeof bytes - 1 : 7)];
        mola_str text = {key, len};
        if (!mola_store_key_ok(text))
            continue;
        mola_file_path path;
        bool fold = random_below(2);
        mola_file_path_of_key(fold, text, &path);
        ck_assert_uint_eq(strlen(path.text), path.len);
        decode_path(fold, path.text, back, &back_len);
        ck_assert_msg(mola_str_eq(text, (mola_str){back, back_len}), "seed %llu",
                      (unsigned long long)first_seed);
        for (size_t k = 0; fold && k < path.len; k++)
            ck_assert(path.text[k] < 'A' || path.text[k] > 'Z' || path.text[k - 1] == '%' ||
                      path.text[k - 2] == '%'); /* only hex digits */
    }
}
END_TEST

START_TEST(names_on_disk_are_what_the_format_says)
{
    static const struct {
        bool fold;
        const char *key, *path;
    } cases[] = {
        {false, "ns/docs", "ns/docs%o"}, {false, "a/b", "a/b%o"}, {false, "a%2Fb", "a%252Fb%o"},
        {false, "a%o/b", "a%25o/b%o"},   {false, "Ab", "Ab%o"},   {true, "Ab", "%41b%o"},
        {true, "%41/Z", "%2541/%5A%o"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_file_path path;
        mola_file_path_of_key(cases[i].fold, mola_str_of(cases[i].key), &path);
        ck_assert_str_eq(path.text, cases[i].path);
    }
}
END_TEST

START_TEST(files_of_others_are_no_keys)
{
    ck_err(put(&me, K("d/a"), K("x")), MOLA_OK);
    static const char *const names[] = {"o/stray", "o/d/b%",   "o/d/b%41%o", "o/d/b%zz%o",
                                        "o/d/%o",  "o/d/b%25", "o/d/b%2%o",  "o/d/b%2f%o"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open(path_below(names[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(close(fd), 0);
    }
    ck_assert_int_eq(mkdir(path_below("o/d/c%o"), 0700), 0);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_keys("d/a");
}
END_TEST

/* --- F5: trailers --- */

START_TEST(objects_survive_a_reopen_with_their_etags)
{
    ck_err(put_new(&me, K("ns/a"), K("body")), MOLA_OK);
    mola_etag etag = me.op.new_etag;
    reopen();
    ck_object(K("ns/a"), K("body"));
    ck_assert(same_etag(etag, me.op.new_etag));
    ck_err(put_match(&me, K("ns/a"), K("next"), etag), MOLA_OK);
}
END_TEST

static void write_raw(const char *name, const void *bytes, size_t size)
{
    FILE *out = fopen(path_below(name), "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, size, out), size);
    ck_assert_int_eq(fclose(out), 0);
}

START_TEST(a_damaged_trailer_is_corrupt)
{
    ck_err(put_new(&me, K("a"), K("body")), MOLA_OK);
    unsigned char image[4 + MOLA_FILE_TRAILER_BYTES];
    FILE *in = fopen(path_below("o/a%o"), "rb");
    ck_assert_ptr_nonnull(in);
    ck_assert_uint_eq(fread(image, 1, sizeof image, in), sizeof image);
    ck_assert_int_eq(fclose(in), 0);
    for (size_t bit = 4 * 8; bit < sizeof image * 8; bit++) {
        image[bit / 8] ^= (unsigned char)(1 << bit % 8);
        write_raw("o/a%o", image, sizeof image);
        ck_err(get(&me, K("a")), MOLA_CORRUPT);
        image[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t size = 0; size < sizeof image; size++) {
        write_raw("o/a%o", image, size);
        ck_err(get(&me, K("a")), MOLA_CORRUPT);
        ck_err(put_new(&me, K("a"), K("x")), MOLA_CONFLICT);
    }
    write_raw("o/a%o", image + 1, sizeof image - 1); /* a whole trailer, behind too few bytes */
    ck_err(get(&me, K("a")), MOLA_CORRUPT);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_keys("a");
    write_raw("o/a%o", image, sizeof image);
    ck_object(K("a"), K("body"));
    ck_assert_int_ge(metrics.value[MOLA_M_store_corrupt_total], MOLA_FILE_TRAILER_BYTES * 8);
}
END_TEST

START_TEST(a_trailer_that_grew_away_from_its_body_is_corrupt)
{
    ck_err(put_new(&me, K("a"), K("body")), MOLA_OK);
    FILE *out = fopen(path_below("o/a%o"), "ab");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(fputc('x', out), 'x');
    ck_assert_int_eq(fclose(out), 0);
    ck_err(get(&me, K("a")), MOLA_CORRUPT);
}
END_TEST

/* --- Opening --- */

static mola_err try_open(const char *its_url)
{
    mola_why why = {0};
    mola_store *opened;
    mola_err err = mola_store_open(env, mola_str_of(its_url), &opened, &why);
    MOLA_IMPLIES(err != MOLA_OK, why.len > 0);
    mola_store_close(opened);
    return err;
}

START_TEST(missing_directories_are_made)
{
    char deep[URL_BYTES + 128];
    (void)snprintf(deep, sizeof deep, "file:%s/o/x/y//z/", file_root());
    ck_err(try_open(deep), MOLA_OK);
    ck_assert_int_eq(access(path_below("o/x/y/z/FORMAT"), R_OK), 0);
    (void)snprintf(deep, sizeof deep, "file://%s/o/x/y/z?force=1", file_root());
    ck_err(try_open(deep), MOLA_OK);
}
END_TEST

START_TEST(a_directory_of_something_else_is_refused)
{
    char other[URL_BYTES + 128];
    ck_assert_int_eq(mkdir(path_below("other"), 0700), 0);
    write_raw("other/thesis.txt", "x", 1);
    (void)snprintf(other, sizeof other, "file:%s/other", file_root());
    ck_err(try_open(other), MOLA_INVALID);
    (void)snprintf(other, sizeof other, "file:%s/other/thesis.txt", file_root());
    ck_err(try_open(other), MOLA_INVALID);
    (void)snprintf(other, sizeof other, "file:%s?sync=0", file_root());
    ck_err(try_open(other), MOLA_INVALID);
    ck_err(try_open("file:/proc/mola"), MOLA_INVALID);
}
END_TEST

START_TEST(an_unknown_format_is_refused)
{
    static const char *const texts[] = {"", "mola file store 2\nfold_case 0\n",
                                        "mola file store 1\n", "mola file store 1\nfold_case 0\nx"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_raw("FORMAT", texts[i], strlen(texts[i]));
        ck_err(try_open(url), MOLA_INVALID);
    }
    write_raw("FORMAT", "mola file store 1\nfold_case 0\n", 30);
    ck_err(try_open(url), MOLA_OK);
}
END_TEST

START_TEST(a_folding_store_escapes_upper_case_everywhere)
{
    write_raw("FORMAT", "mola file store 1\nfold_case 1\n", 30);
    reopen();
    ck_err(put_new(&me, K("Aa/B"), K("x")), MOLA_OK);
    ck_assert_int_eq(access(path_below("o/%41a/%42%o"), R_OK), 0);
    ck_object(K("Aa/B"), K("x"));
    ck_err(get(&me, K("aa/b")), MOLA_NOT_FOUND);
    ck_err(list(&me, K("A")), MOLA_OK);
    ck_keys("Aa/B");
}
END_TEST

/* --- F8: temporaries --- */

START_TEST(only_temporaries_older_than_a_day_are_removed)
{
    static const char *const names[] = {"tmp/young", "tmp/old"};
    for (int i = 0; i < 2; i++) {
        write_raw(names[i], "x", 1);
        struct timespec then[2] = {{.tv_sec = (time_t)(mola_wall_us(env) / 1000000)},
                                   {.tv_sec = (time_t)(mola_wall_us(env) / 1000000)}};
        then[1].tv_sec -= i ? 25 * 3600 : 23 * 3600;
        ck_assert_int_eq(utimensat(AT_FDCWD, path_below(names[i]), then, 0), 0);
    }
    reopen();
    ck_assert_int_eq(access(path_below("tmp/young"), F_OK), 0);
    ck_assert_int_ne(access(path_below("tmp/old"), F_OK), 0);
}
END_TEST

START_TEST(no_outcome_leaves_a_temporary)
{
    ck_err(put_new(&me, K("a"), K("x")), MOLA_OK);
    mola_etag stale = me.op.new_etag;
    ck_err(put(&me, K("a"), K("y")), MOLA_OK);
    ck_err(put_new(&me, K("a"), K("z")), MOLA_CONFLICT);
    ck_err(put_match(&me, K("a"), K("z"), stale), MOLA_CONFLICT);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_assert_int_eq(rmdir(path_below("tmp")), 0); /* it is empty */
    ck_err(put_new(&me, K("a"), K("x")), MOLA_UNAVAILABLE);
    ck_err(get(&me, K("a")), MOLA_NOT_FOUND);
}
END_TEST

/* --- F4: the lock of another process --- */

START_TEST(a_held_lock_ends_at_the_deadline_with_nothing_done)
{
    ck_err(put_new(&me, K("ns/a"), K("x")), MOLA_OK);
    mola_etag etag = me.op.new_etag;
    int held[MOLA_FILE_LOCKS];
    for (int i = 0; i < MOLA_FILE_LOCKS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "lock/%02x", (unsigned)i);
        held[i] = open(path_below(name), O_RDWR | O_CLOEXEC);
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        ck_assert_int_eq(fcntl(held[i], F_OFD_SETLK, &whole), 0);
    }
    me.ctx.deadline_ns = mola_boot_ns(env) + 50 * MOLA_MILLISECOND;
    ck_err(put_match(&me, K("ns/a"), K("y"), etag), MOLA_UNAVAILABLE);
    me.ctx.deadline_ns = mola_boot_ns(env) + 50 * MOLA_MILLISECOND;
    ck_err(put(&me, K("ns/a"), K("y")), MOLA_UNAVAILABLE);
    me.ctx.deadline_ns = mola_boot_ns(env) + 50 * MOLA_MILLISECOND;
    ck_err(delete_key(&me, K("ns/a")), MOLA_UNAVAILABLE);
    me.ctx.deadline_ns = mola_boot_ns(env) + 60 * MOLA_SECOND;
    ck_err(put_new(&me, K("ns/b"), K("no lock needed")), MOLA_OK);
    ck_object(K("ns/a"), K("x"));
    for (int i = 0; i < MOLA_FILE_LOCKS; i++)
        ck_assert_int_eq(close(held[i]), 0);
    ck_err(put_match(&me, K("ns/a"), K("y"), etag), MOLA_OK);
}
END_TEST

/* --- Bounds --- */

START_TEST(open_directories_are_bounded)
{
    char key[32];
    for (int i = 0; i < 3 * MOLA_FILE_DIRECTORIES_MAX; i++) {
        (void)snprintf(key, sizeof key, "d/%d/w/1", i);
        ck_err(put_new(&me, mola_str_of(key), K("x")), MOLA_OK);
    }
    int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(free_fd, 0);
    ck_assert_int_lt(free_fd, MOLA_FILE_DIRECTORIES_MAX + MOLA_FILE_LOCKS + 40);
    ck_assert_int_eq(close(free_fd), 0);
    reopen();
    for (int i = 0; i < 3 * MOLA_FILE_DIRECTORIES_MAX; i++) {
        (void)snprintf(key, sizeof key, "d/%d/w/1", i);
        ck_object(mola_str_of(key), K("x"));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_path_leads_back_to_its_key,
        names_on_disk_are_what_the_format_says,
        files_of_others_are_no_keys,
        objects_survive_a_reopen_with_their_etags,
        a_damaged_trailer_is_corrupt,
        a_trailer_that_grew_away_from_its_body_is_corrupt,
        missing_directories_are_made,
        a_directory_of_something_else_is_refused,
        an_unknown_format_is_refused,
        a_folding_store_escapes_upper_case_everywhere,
        only_temporaries_older_than_a_day_are_removed,
        no_outcome_leaves_a_temporary,
        a_held_lock_ends_at_the_deadline_with_nothing_done,
        open_directories_are_bounded,
    };
    Suite *suite = suite_create("store file");
    TCase *all = tcase_create("file:");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, setup, close_fresh);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
