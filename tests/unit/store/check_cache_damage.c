/* Files and disks that are damaged, cut, removed, failing, hanging: misses, never wrong bytes. */
#include "cache_harness.h"

/* --- Files that are not one of ours --- */

static void spoil_magic(int fd)
{
    flip(fd, 0, 0);
}

/* A version to come, with a sum that is right: only the number says that it is not ours. */
static void spoil_version(int fd)
{
    char page[MOLA_CACHE_PAGE];
    mola_cache_header header;
    ck_assert_int_eq(pread(fd, page, sizeof page, 0), MOLA_CACHE_PAGE);
    ck_assert(mola_cache_header_decode(page, &header));
    page[8] = 2;
    uint64_t sum = XXH3_64bits(page, sizeof page - 8);
    memcpy(page + sizeof page - 8, &sum, 8);
    ck_assert(!mola_cache_header_decode(page, &header));
    ck_assert_int_eq(pwrite(fd, page, sizeof page, 0), MOLA_CACHE_PAGE);
}

static void spoil_size(int fd)
{
    ck_assert_int_eq(ftruncate(fd, size_of(fd) - 4096), 0);
}

static void spoil_all(int fd)
{
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(pwrite(fd, "hello", 5, 0), 5);
}

static void (*const spoilers[])(int fd) = {spoil_magic, spoil_version, spoil_size, spoil_all};

START_TEST(an_unusable_file_is_made_anew)
{
    begin(large_file, false);
    warm_all();
    close_cache();
    int fd = open_behind(O_RDWR);
    spoilers[_i](fd);
    (void)close(fd);
    open_cache(large_file, false);
    ck_assert_uint_eq(mola_cache_look(cache).bytes_held, 0);
    ck_assert_int_eq(count_missing(), OBJECTS - 1);
    wait_for_fills();
    ck_assert_int_eq(count_missing(), 0);
    end();
}
END_TEST

/* --- Damage --- */

START_TEST(a_flipped_byte_is_a_miss)
{
    begin(large_file, _i);
    warm_all();
    int fd = open_behind(O_RDWR);
    off_t size = size_of(fd);
    for (off_t at = (off_t)mola_cache_slot_place(cache->map.slot_count, 0); at < size; at += 4096)
        flip(fd, at + at / 4096 * 37 % 4096, 3);
    (void)close(fd);
    ck_assert_int_eq(count_missing(), OBJECTS - 1);
    ck_assert_uint_gt(mola_cache_look(cache).errors, 0);
    ck_assert(!mola_cache_look(cache).disabled);
    wait_for_fills();
    ck_assert_int_eq(count_missing(), 0);
    end();
}
END_TEST

static void zero_file(void)
{
    int fd = open_behind(O_RDWR);
    off_t size = size_of(fd);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    (void)close(fd);
}

static void cut_file(void)
{
    int fd = open_behind(O_RDWR);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    (void)close(fd);
}

/* Of another place of the same file: right sums, wrong pages. */
static void shuffle_file(void)
{
    char page[MOLA_CACHE_PAGE];
    int fd = open_behind(O_RDWR);
    off_t first = (off_t)mola_cache_slot_place(cache->map.slot_count, 0), size = size_of(fd);
    for (off_t at = first; at + 4096 < size; at += 4096) {
        ck_assert_int_eq(pread(fd, page, sizeof page, at + 4096), MOLA_CACHE_PAGE);
        ck_assert_int_eq(pwrite(fd, page, sizeof page, at), MOLA_CACHE_PAGE);
    }
    (void)close(fd);
}

static void (*const damages[])(void) = {zero_file, cut_file, shuffle_file};

START_TEST(a_file_that_is_spoilt_while_running_heals)
{
    begin(large_file, _i & 1);
    warm_all();
    damages[_i / 2]();
    ck_assert_int_gt(count_missing(), 0);
    ck_assert_uint_gt(mola_cache_look(cache).errors, 0);
    ck_assert(!mola_cache_look(cache).disabled);
    wait_for_fills();
    ck_assert_int_eq(count_missing(), 0);
    end();
}
END_TEST

START_TEST(a_removed_directory_is_not_noticed)
{
    begin(large_file, _i);
    warm_all();
    remove_tree(directory);
    ck_assert_int_eq(count_missing(), 0);
    ck_assert(missed(0, 0, 0));
    close_cache();
    open_cache(large_file, false);
    ck_assert_int_eq(count_missing(), OBJECTS - 1);
    end();
}
END_TEST

/* Every bit of a page of the index: a record is as it was or gone. */
START_TEST(a_damaged_record_is_nobody)
{
    enum { SLOTS = 7 };
    begin(0, false);
    mola_cache_map map, other;
    ck_assert(mola_cache_map_open(&map, env->heap, SLOTS));
    mola_cache_map_free_rest(&map);
    for (uint64_t i = 0; i < SLOTS; i++) {
        uint32_t at = mola_cache_map_claim(&map, &(mola_cache_name){i + 1, i * 7, i / 2});
        mola_cache_map_add_pages(&map, at, i == 3 ? UINT64_MAX : (uint64_t)5 << i);
        for (uint32_t p = 0; p < MOLA_CACHE_SLOT_PAGES; p++)
            map.sums[at][p] = i * 1000003 + p;
    }
    char page[MOLA_CACHE_PAGE];
    mola_cache_index_encode(&map, 77, 0, page);
    for (size_t bit = 0; bit <= 8 * sizeof page; bit++) {
        if (bit < 8 * sizeof page)
            page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
        ck_assert(mola_cache_map_open(&other, env->heap, SLOTS));
        mola_cache_index_decode(&other, 77, 0, page);
        size_t lost = 0;
        for (uint32_t at = 0; at < SLOTS; at++) {
            lost += !other.slots[at].held;
            if (!other.slots[at].held)
                continue;
            ck_assert_mem_eq(&other.slots[at].name, &map.slots[at].name, sizeof map.slots->name);
            ck_assert_uint_eq(other.slots[at].pages, map.slots[at].pages);
            ck_assert_uint_eq(other.slots[at].end, map.slots[at].end);
            ck_assert_mem_eq(other.sums[at], map.sums[at], sizeof map.sums[at]);
        }
        bool hit = bit < 8 * SLOTS * MOLA_CACHE_RECORD;
        ck_assert_uint_eq(lost, hit ? 1 : 0);
        mola_cache_map_close(&other, env->heap);
        if (bit < 8 * sizeof page)
            page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
    }
    /* Another life of the file, another place in it. */
    ck_assert(mola_cache_map_open(&other, env->heap, 2 * SLOTS));
    mola_cache_index_decode(&other, 78, 0, page);
    mola_cache_index_decode(&other, 77, 1, page);
    ck_assert_uint_eq(other.pages_held, 0);
    mola_cache_map_close(&other, env->heap);
    mola_cache_map_close(&map, env->heap);
    end();
}
END_TEST

START_TEST(a_damaged_header_is_none)
{
    char page[MOLA_CACHE_PAGE];
    mola_cache_header header = {.bytes_wanted = 123456789, .seed = 42, .slot_count = 11}, back;
    mola_cache_header_encode(&header, page);
    ck_assert(mola_cache_header_decode(page, &back));
    ck_assert(back.bytes_wanted == 123456789 && back.seed == 42 && back.slot_count == 11);
    for (size_t bit = 0; bit < 8 * sizeof page; bit++) {
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
        ck_assert(!mola_cache_header_decode(page, &back));
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
    }
}
END_TEST

/* The same through the file, at random places of header and index. */
START_TEST(a_damaged_index_gives_no_wrong_bytes)
{
    begin(small_file, false);
    uint64_t state = draw_seed();
    int lost = 0;
    for (int round = 0; round < 60; round++) {
        (void)missed(4, 0, 0);
        (void)missed(3, 0, 0);
        wait_for_fills();
        off_t size = (off_t)mola_cache_slot_place(cache->map.slot_count, 0);
        close_cache();
        int fd = open_behind(O_RDWR);
        flip(fd, (off_t)(next_random(&state) % (uint64_t)size), (int)(next_random(&state) % 8));
        (void)close(fd);
        open_cache(small_file, round & 1);
        lost += missed(4, 0, 0);
        lost += missed(3, 0, 0);
    }
    ck_assert_int_gt(lost, 0);
    end();
}
END_TEST

/* --- A disk that fails --- */

/* Puts another file in the place of the cache's; what it had is given back. */
static int replace_fd(int by)
{
    int kept = dup(cache->place.fd);
    ck_assert_int_ge(kept, 0);
    ck_assert_int_eq(dup2(by, cache->place.fd), cache->place.fd);
    return kept;
}

START_TEST(a_disk_that_cannot_be_read_is_given_up)
{
    begin(large_file, _i);
    warm_all();
    int fd = open_behind(O_WRONLY), kept = replace_fd(fd);
    (void)close(fd);
    for (int i = 0; i < 2 * MOLA_CACHE_FAILURES_MAX; i++) {
        ck_assert(missed(4, (uint64_t)i * 4096, 4096));
        mola_cache_stats stats = mola_cache_look(cache);
        ck_assert_int_eq(stats.disabled, i + 1 >= MOLA_CACHE_FAILURES_MAX);
        ck_assert_int_eq(stats.bytes_room == 0, stats.disabled);
    }
    ck_assert_uint_eq(mola_cache_look(cache).errors, MOLA_CACHE_FAILURES_MAX);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_cache_disk_errors_total]),
                     MOLA_CACHE_FAILURES_MAX);
    ck_assert_int_eq(count_missing(), OBJECTS - 1);
    (void)close(kept);
    end();
}
END_TEST

START_TEST(a_disk_that_cannot_be_written_is_given_up)
{
    begin(large_file, _i);
    int fd = open_behind(O_RDONLY), kept = replace_fd(fd);
    (void)close(fd);
    for (int i = 0; i < 2 * MOLA_CACHE_FAILURES_MAX; i++) {
        ck_assert(missed(4, (uint64_t)i * 4096, 4096));
        wait_for_fills();
        ck_assert_uint_eq(mola_cache_look(cache).bytes_held, 0);
    }
    mola_cache_stats stats = mola_cache_look(cache);
    ck_assert(stats.disabled);
    ck_assert_uint_eq(stats.bytes_held, 0);
    ck_assert_uint_eq(stats.errors, MOLA_CACHE_FAILURES_MAX);
    (void)close(kept);
    end();
}
END_TEST

START_TEST(a_success_ends_a_row_of_failures)
{
    begin(large_file, _i);
    warm_all();
    int fd = open_behind(O_WRONLY);
    for (int i = 0; i < 2 * MOLA_CACHE_FAILURES_MAX; i++) {
        int kept = replace_fd(fd);
        ck_assert(missed(5, (uint64_t)i * 4096, 4096));
        wait_for_fills();
        int damaged = replace_fd(kept);
        (void)close(kept);
        (void)close(damaged);
        ck_assert(!missed(3, 0, 0));
    }
    (void)close(fd);
    ck_assert(!mola_cache_look(cache).disabled);
    ck_assert_uint_eq(mola_cache_look(cache).errors, 2 * MOLA_CACHE_FAILURES_MAX);
    end();
}
END_TEST

/* A read from an empty pipe does not end: the request goes on without it. */
START_TEST(a_disk_that_hangs_is_not_waited_for)
{
    begin(large_file, false);
    if (cache->plain) { /* no io_uring here: chaos/cache says whether that is as it should be */
        end();
        return;
    }
    warm_all();
    int pipes[2];
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    int kept = replace_fd(pipes[0]);
    uint64_t start = mola_boot_ns(env);
    ck_assert(missed(4, 0, 4096));
    uint64_t took = mola_boot_ns(env) - start;
    ck_assert_uint_ge(took, MOLA_SECOND);
    ck_assert_uint_lt(took, 20 * MOLA_SECOND);
    ck_assert_uint_eq(mola_cache_look(cache).errors, 1);
    /* A request with less time than that says nothing about the disk. */
    me.ctx.deadline_ns = mola_boot_ns(env) + MOLA_SECOND / 10;
    mola_store_op op = range(4, 0, 4096);
    mola_cache_run(cache, &me.ctx, &op, 1);
    ck_err(op.err, MOLA_UNAVAILABLE);
    ck_assert_uint_eq(mola_cache_look(cache).errors, 1);
    me.ctx.deadline_ns = MOLA_NEVER;
    /* The others still read, with a lane of their own. */
    int pipe_again = replace_fd(kept);
    (void)close(kept);
    ck_assert(!missed(4, 0, 4096));
    (void)close(pipe_again);
    (void)close(pipes[1]); /* ends what hangs */
    (void)close(pipes[0]);
    end();
}
END_TEST

/* Writes into a full pipe do not end either: the queue fills up, what comes after is not kept. */
START_TEST(a_disk_that_takes_nothing_is_not_waited_for)
{
    enum { QUEUE_BYTES_MAX = 16 << 20, ROUNDS = 30 };
    begin(large_file, false);
    if (cache->plain) {
        end();
        return;
    }
    int pipes[2];
    char page[MOLA_CACHE_PAGE] = {0};
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(pipes[1], page, sizeof page) > 0)
        ;
    ck_assert_int_eq(fcntl(pipes[1], F_SETFL, 0), 0);
    int kept = replace_fd(pipes[1]);
    uint64_t start = mola_boot_ns(env);
    for (int i = 0; i < ROUNDS; i++)
        ck_assert(missed(5, 0, 0));
    ck_assert_uint_lt(mola_boot_ns(env) - start, 20 * MOLA_SECOND);
    uint64_t queued = atomic_load(&cache->fill_bytes.used);
    ck_assert_uint_le(queued, QUEUE_BYTES_MAX);
    ck_assert_uint_gt(queued, QUEUE_BYTES_MAX - MOLA_CACHE_SLOT);
    ck_assert_uint_eq(mola_cache_look(cache).bytes_held, 0);
    /* The disk comes back; what it seemed to take is not in the file. */
    int pipe_again = replace_fd(kept);
    uint64_t limit = mola_boot_ns(env) + 30 * MOLA_SECOND;
    while (atomic_load(&cache->fill_bytes.used) > 0) {
        ck_assert_uint_lt(mola_boot_ns(env), limit);
        if (read(pipes[0], page, sizeof page) < 0)
            mola_sleep_ns(env, MOLA_MILLISECOND / 10);
    }
    (void)missed(5, 0, 0);
    wait_for_fills();
    ck_assert(!missed(5, 0, 0));
    ck_assert(!mola_cache_look(cache).disabled);
    (void)close(kept);
    (void)close(pipe_again);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    end();
}
END_TEST

int main(void)
{
    const cache_test tests[] = {
        {an_unusable_file_is_made_anew, (int)(sizeof spoilers / sizeof *spoilers)},
        {a_flipped_byte_is_a_miss, 2},
        {a_file_that_is_spoilt_while_running_heals, 2 * (int)(sizeof damages / sizeof *damages)},
        {a_removed_directory_is_not_noticed, 2},
        {a_damaged_record_is_nobody, 1},
        {a_damaged_header_is_none, 1},
        {a_damaged_index_gives_no_wrong_bytes, 1},
        {a_disk_that_cannot_be_read_is_given_up, 2},
        {a_disk_that_cannot_be_written_is_given_up, 2},
        {a_success_ends_a_row_of_failures, 2},
        {a_disk_that_hangs_is_not_waited_for, 1},
        {a_disk_that_takes_nothing_is_not_waited_for, 1},
    };
    return RUN_TESTS("damaged disk cache", tests);
}
