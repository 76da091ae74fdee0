#include "golden.h"
#include "mola/format/dump.h"
#include "mola/format/key.h"

/* What is shown of an object must be what is in it, and any bytes under any key must be survived.
 */

static const uint8_t nsid[16] = "namespace number";
#define NSID "6e616d657370616365206e756d626572"

static mola_err dump(mola_key key, mola_str bytes)
{
    return mola_dump_image(&heap, (mola_str){0}, mola_key_str(&key), bytes, &out, &why);
}

static const char *dumped(mola_key key, const char *name)
{
    mola_err err = dump(key, golden(name, (mola_str){0}));
    ck_assert_msg(err == MOLA_OK, "%s: %s", name, err ? said() : "");
    return printed();
}

static void expect(const char *text, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no '%s' in\n%s", lines[i], text);
}
#define EXPECT(text, ...)                                                                          \
    do {                                                                                           \
        static const char *const lines[] = {__VA_ARGS__};                                          \
        expect(text, lines, sizeof lines / sizeof *lines);                                         \
    } while (0)

START_TEST(manifests)
{
    mola_key key = mola_key_manifest((mola_str){0}, MOLA_STR("fish"));
    EXPECT(dumped(key, "manifest_1.bin"), "manifest of 'fish', 799 bytes\n", "nsid " NSID "\n",
           "epoch 3, version 17\n", "indexed_seq 400, chain 0123456789abcdef, wal_floor 390, ",
           "entries up to 10 are of 706172656e74206f6620706172656e74\n",
           "segment 0000000000000001.000000000000feed of 706172656e74206f6620706172656e74: entries "
           "1 to 10, level 3, rows 70000, head 900 bytes, data 12345678 bytes in 2 objects\n",
           "deleted 5 by 0000000000000006.000000000000dead\n", "level 0, rows 0\n",
           "retired 0000000000000002.000000000000abba of " NSID ", version 9 at 2026-01-01T",
           "version 15 at 2026-01-01T00:00:00.000000000Z\n", "id type uint, metric none",
           "attribute 1 string \"a\" filterable\n");
    EXPECT(dumped(key, "manifest_inline_1.bin"),
           "inline h.00000000 of 0000000000000004.000000000000beef: 320 bytes\n",
           "inline x.00000000 of 0000000000000006.000000000000dead: 100 bytes\n");
    EXPECT(dumped(key, "tombstone_1.bin"), "tombstone of 'fish', 96 bytes\n",
           "deleted 2026-01-01T00:00:00.000000000Z\n");
    EXPECT(dumped(key, "manifest_new_1.bin"), "indexed_seq 0");
}
END_TEST

START_TEST(the_log)
{
    EXPECT(dumped(mola_key_entry((mola_str){0}, nsid, 42), "entry_1.bin"), "log entry 42, ",
           "own chain 9ffe55025f0fea34\n", "flags CREATE\n",
           "creates 'golden' on manifest version 7\n", "rows 3: 1 upserts, 1 patches, 1 deletes\n",
           "ids uint\n", "attribute 1 string: 1 values, 8 bytes\n", "metric cosine_distance");
    EXPECT(dumped(mola_key_payload((mola_str){0}, nsid, 1, 2), "payload_packed_1.bin"),
           "payload, 1648 bytes\nxxh3-128 ", "rows 200: 200 upserts", "ids string\n",
           "attribute 7 [2]f16: 160 values, 640 bytes\n");
}
END_TEST

START_TEST(segments)
{
    static const uint8_t owner[16] = "owner of segment";
    const uint64_t base = 5, rand = 0x123456789abcdef0U;
    mola_str none = {0};
    EXPECT(dumped(mola_key_segment(none, owner, base, rand, 'h', 0), "segment_head_1.bin"),
           "head of segment 0000000000000005.123456789abcdef0, ", "rows 70, logical bytes ",
           "object 0: 37016 bytes, xxh3-128 ", "attribute 0 string as pages: 1 pieces",
           "attribute 3 [3]f32 as vectors: 1 pieces, 1960 bytes, 53 of 70 rows\n",
           "attribute 9 string as documents: 1 pieces", "index of ids: 1 pages in 1 runs\n");
    EXPECT(dumped(mola_key_segment(none, owner, base, rand, 'o', 0), "segment_data_1.bin"),
           "data object 0 of a segment, 37016 bytes\nxxh3-128 ");
    EXPECT(dumped(mola_key_deletes(none, nsid, 6, 0xdead), "deletes_1.bin"),
           "delete vector, 144 bytes\nsegment 0000000000000004.000000000000beef of "
           "706172656e74206e616d657370616365\nrows 199, dead 107\n");
}
END_TEST

START_TEST(hints_and_holders)
{
    mola_str none = {0};
    ck_assert_int_eq(dump(mola_key_hint(none, nsid), MOLA_STR("fish")), MOLA_OK);
    EXPECT(printed(), "work hint, 4 bytes\n", "\"fish\"\n");
    mola_key holder = mola_key_holder(none, nsid, MOLA_STR("x"));
    EXPECT(dumped(holder, "holder_branch_1.bin"), "holder, ", "for ", "born as '");
    EXPECT(dumped(holder, "holder_checkpoint_1.bin"), "flags DONE\n", "archive ");
    mola_key operation = mola_key_operation(none, MOLA_STR("0123"));
    EXPECT(dumped(operation, "operation_copy_1.bin"), "operation, ", "copy ", "its.source");
    EXPECT(dumped(operation, "operation_recall_1.bin"), "recall ", "failed with status 404\n");
}
END_TEST

START_TEST(errors_are_those_of_the_decoders)
{
    mola_key key = mola_key_manifest((mola_str){0}, MOLA_STR("fish"));
    ck_assert_int_eq(dump(key, MOLA_STR("nonsense")), MOLA_CORRUPT);
    ck_assert_str_eq(said(), "not a manifest");
    key = mola_key_entry((mola_str){0}, nsid, 43); /* an entry of another slot */
    ck_assert_int_eq(dump(key, golden("entry_1.bin", (mola_str){0})), MOLA_CORRUPT);
    ck_assert_str_eq(said(), "a log entry of another place");
    static const char *const keys[] = {"",
                                       "x",
                                       "d/" NSID "/",
                                       "d/" NSID "/s/1.2/h.00000000",
                                       "o/x/ns/fish",
                                       "q/",
                                       "d/" NSID "/r/",
                                       "d/" NSID "/w/12"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        mola_str other = mola_str_of(keys[i]);
        ck_assert_int_eq(mola_dump_image(&heap, (mola_str){0}, other, MOLA_STR("x"), &out, &why),
                         MOLA_INVALID);
        ck_assert_ptr_nonnull(strstr(said(), "is not a key of an object of mola"));
    }
}
END_TEST

/* Every golden image cut at every length under every kind of key: some error, never a crash. */
START_TEST(any_bytes_under_any_key_are_survived)
{
    static const char *const names[] = {"manifest_1.bin", "entry_1.bin", "deletes_1.bin",
                                        "segment_head_1.bin", "payload_packed_1.bin"};
    mola_str none = {0};
    mola_key keys[] = {mola_key_manifest(none, MOLA_STR("fish")), mola_key_entry(none, nsid, 42),
                       mola_key_payload(none, nsid, 1, 2),
                       mola_key_segment(none, nsid, 1, 2, 'h', 0),
                       mola_key_deletes(none, nsid, 6, 0xdead)};
    mola_str image = golden(names[_i], none);
    for (size_t len = 0; len < image.len; len++) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            ck_assert_int_eq(dump(keys[k], (mola_str){image.data, len}), MOLA_CORRUPT);
            out.len = 0;
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dump");
    TCase *all = tcase_create("dump");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, manifests);
    tcase_add_test(all, the_log);
    tcase_add_test(all, segments);
    tcase_add_test(all, hints_and_holders);
    tcase_add_test(all, errors_are_those_of_the_decoders);
    tcase_add_loop_test(all, any_bytes_under_any_key_are_survived, 0, 5);
    suite_add_tcase(suite, all);
    return run(suite);
}
