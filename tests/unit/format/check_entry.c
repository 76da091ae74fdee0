#include "../model/random_rows.h"
#include "golden.h"
#include "mola/codec/block.h"
#include "mola/codec/bytes.h"
#include "mola/format/entry.h"

/* The log is the only truth about newest writes: what is encoded must come back, and damage of any
 * kind must be told, never believed. */

static const uint8_t nsid[16] = "namespace number", batch_id[16] = "batch identifier";

static mola_entry blank(void)
{
    mola_entry e = {
        .seq = 42, .prev_chain = 0x1122334455667788U, .time_us = 1767225600000000U, .cond_ver = 7};
    memcpy(e.nsid, nsid, 16);
    memcpy(e.batch_id, batch_id, 16);
    return e;
}

static void assert_rows_eq(const mola_rows *a, const mola_rows *b)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->column_count, b->column_count);
    if (a->count == 0)
        return;
    ck_assert_mem_eq(a->ops, b->ops, a->count);
    assert_columns_eq(&a->ids, 0, &b->ids, 0, a->count);
    for (uint32_t i = 0; i < a->column_count; i++) {
        ck_assert_uint_eq(a->columns[i].attr, b->columns[i].attr);
        ck_assert(mola_type_eq(a->columns[i].column.type, b->columns[i].column.type));
        assert_columns_eq(&a->columns[i].column, 0, &b->columns[i].column, 0, a->count);
        for (uint32_t r = 0; r < a->count; r++)
            ck_assert_int_eq(mola_row_given(&a->columns[i], r), mola_row_given(&b->columns[i], r));
    }
}

static void assert_entry_eq(const mola_entry *a, const mola_entry *b)
{
    ck_assert_uint_eq(a->flags, b->flags);
    ck_assert_mem_eq(a->nsid, b->nsid, 16);
    ck_assert_mem_eq(a->batch_id, b->batch_id, 16);
    ck_assert_uint_eq(a->seq, b->seq);
    ck_assert_uint_eq(a->prev_chain, b->prev_chain);
    ck_assert_uint_eq(a->time_us, b->time_us);
    ck_assert_uint_eq(a->cond_ver, b->cond_ver);
    ck_assert(mola_str_eq(a->name, b->name));
    ck_assert_mem_eq(&a->large, &b->large, sizeof a->large);
    ck_assert_int_eq(!a->state, !b->state);
    ck_assert(!a->state || mola_state_eq(a->state, b->state));
    assert_rows_eq(&a->rows, &b->rows);
}

static mola_err decode(mola_str image, mola_entry *e, mola_entry_memory **memory)
{
    return mola_entry_decode(&heap, image, nsid, 42, e, memory, &why);
}

START_TEST(entries_read_back_equal)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 101};
    random_schema schema = random_schema_new(&c);
    random_batch batch;
    random_batch_init(&c, &schema, &batch);
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    static const uint32_t kinds[] = {0,
                                     MOLA_ENTRY_CREATE,
                                     MOLA_ENTRY_SCHEMA,
                                     MOLA_ENTRY_CONFIG | MOLA_ENTRY_COPY,
                                     MOLA_ENTRY_CREATE | MOLA_ENTRY_BRANCH,
                                     MOLA_ENTRY_SEAL,
                                     MOLA_ENTRY_LARGE};
    e.flags = kinds[below(&c, 7)];
    if (e.flags & MOLA_ENTRY_CREATE)
        e.name = MOLA_STR("a-name");
    if (e.flags & (MOLA_ENTRY_CREATE | MOLA_ENTRY_SCHEMA | MOLA_ENTRY_CONFIG))
        e.state = random_state(&c, below(&c, 100));
    if (e.flags & MOLA_ENTRY_LARGE)
        e.large = (mola_payload_ref){1, 2, 3, "sum"};
    if (!(e.flags & (MOLA_ENTRY_SEAL | MOLA_ENTRY_LARGE)) && below(&c, 8))
        e.rows = batch.rows;
    mola_entry_encode(&out, &e);
    ck_assert(!out.failed);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    assert_entry_eq(&e, &back);
    ck_assert_uint_gt(mola_entry_memory_bytes(memory), 0);
    /* written again from what was read, it is the same image */
    mola_buf again;
    mola_buf_init(&again, &heap);
    mola_entry_encode(&again, &back);
    ck_assert(mola_str_eq(mola_buf_str(&again), mola_buf_str(&out)));
    mola_buf_free(&again);
    mola_state_unref(back.state);
    mola_entry_free(&heap, memory);
    mola_state_unref(e.state);
    random_batch_free(&batch);
}
END_TEST

START_TEST(vectors_are_views_on_64_bytes)
{
    mola_column_builder ids, vectors;
    mola_column_builder_init(&ids, &heap, type_of("uint"));
    mola_column_builder_init(&vectors, &heap, type_of("[3]f32"));
    for (uint64_t i = 0; i < 5; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = i};
        ck_assert_int_eq(mola_column_add_value(&ids, &id), 0);
        ck_assert_int_eq(mola_column_add_json(&vectors, MOLA_STR("v"), false, json("[1,2,3]"),
                                              &mola_limits_default, &arena, &why),
                         0);
    }
    mola_row_column column = {.attr = 1, .column = mola_column_built(&vectors)};
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    e.rows = (mola_rows){5, (const uint8_t *)"\1\1\1\1\1", mola_column_built(&ids), 1, &column};
    mola_entry_encode(&out, &e);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    const char *data = mola_column_vector(&back.rows.columns[0].column, 0);
    ck_assert(data >= out.data && data < out.data + out.len);
    ck_assert_uint_eq((size_t)(data - out.data) % 64, 0);
    mola_entry_free(&heap, memory);
    mola_column_builder_free(&ids);
    mola_column_builder_free(&vectors);
}
END_TEST

/* Slices have offsets and bits of other rows around them. */
START_TEST(slices_encode_as_rows_of_their_own)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 103};
    mola_column_builder ids, values;
    mola_type type = random_type(&c);
    mola_column_builder_init(&ids, &heap, type_of("string"));
    mola_column_builder_init(&values, &heap, type);
    random_rows(&c, &ids, 150, 0);
    random_rows(&c, &values, 150, 3);
    mola_column all_ids = mola_column_built(&ids), all = mola_column_built(&values);
    uint8_t ops[50];
    memset(ops, MOLA_OP_UPSERT, sizeof ops);
    mola_row_column column = {.attr = 9, .column = mola_column_slice(&all, 64, 50)};
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    e.rows = (mola_rows){50, ops, mola_column_slice(&all_ids, 64, 50), 1, &column};
    mola_entry_encode(&out, &e);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    assert_rows_eq(&e.rows, &back.rows);
    mola_entry_free(&heap, memory);
    mola_column_builder_free(&ids);
    mola_column_builder_free(&values);
}
END_TEST

START_TEST(payloads_read_back_for_their_reference_only)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 107};
    random_schema schema = random_schema_new(&c);
    random_batch batch;
    random_batch_init(&c, &schema, &batch);
    mola_rows back;
    mola_entry_memory *memory;
    mola_payload_encode(&out, &batch.rows);
    ck_assert(!out.failed);
    mola_payload_ref ref = {.base = 1, .rand = 2, .bytes = out.len};
    mola_sum128(mola_buf_str(&out), ref.sum);
    ck_assert_int_eq(mola_payload_decode(&heap, mola_buf_str(&out), &ref, &back, &memory, &why),
                     MOLA_OK);
    assert_rows_eq(&batch.rows, &back);
    mola_entry_free(&heap, memory);
    ref.sum[3] ^= 1;
    ck_assert_int_eq(mola_payload_decode(&heap, mola_buf_str(&out), &ref, &back, &memory, &why),
                     MOLA_CORRUPT);
    ref.sum[3] ^= 1;
    ref.bytes++;
    ck_assert_int_eq(mola_payload_decode(&heap, mola_buf_str(&out), &ref, &back, &memory, &why),
                     MOLA_CORRUPT);
    random_batch_free(&batch);
}
END_TEST

/* -- one small entry with everything in it, written down for ever --------------------------------
 */

static mola_rows_builder *golden_rows;

static mola_entry golden_entry(void)
{
    static const char *const types[] = {"string", "[3]f32", "[]int",    "{}f16",
                                        "[5]f16", "bool",   "[][2]f32", "float"};
    static const char *const cells[][3] = {
        {"\"fisch \xc3\xa9\"", "null", "null"},
        {"[1,2,3]", "[0.5,-0.25,1e-3]", "null"},
        {"[1,-2]", "[]", "null"},
        {"{\"a\":1,\"b\":0.5}", "null", "null"},
        {"[1,2,3,4,5]", "null", "null"},
        {"true", "false", "null"},
        {"[[1,2],[3,4]]", "null", "null"},
        {"1.5", "-0.5", "null"},
    };
    static const uint64_t given[1] = {
        3}; /* the patch mentions every attribute, some to remove it */
    mola_column_builder ids, builders[8];
    mola_row_column columns[8];
    mola_column_builder_init(&ids, &heap, type_of("uint"));
    for (uint64_t i = 0; i < 3; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = 1000 + i};
        ck_assert_int_eq(mola_column_add_value(&ids, &id), 0);
    }
    for (uint32_t i = 0; i < 8; i++) {
        mola_column_builder_init(&builders[i], &heap, type_of(types[i]));
        for (int r = 0; r < 3; r++)
            ck_assert_int_eq(mola_column_add_json(&builders[i], MOLA_STR("a"), false,
                                                  json(cells[i][r]), &mola_limits_default, &arena,
                                                  &why),
                             0);
        columns[i] = (mola_row_column){i + 1, mola_column_built(&builders[i]), given};
    }
    mola_rows rows = {3, (const uint8_t *)"\1\2\3", mola_column_built(&ids), 8, columns};
    golden_rows = mola_rows_builder_new(&heap);
    ck_assert_int_eq(mola_rows_append(golden_rows, &rows), MOLA_OK);
    for (uint32_t i = 0; i < 8; i++)
        mola_column_builder_free(&builders[i]);
    mola_column_builder_free(&ids);

    mola_entry e = blank();
    e.flags = MOLA_ENTRY_CREATE;
    e.name = MOLA_STR("golden");
    mola_state *empty = mola_state_new(&heap);
    e.state = mola_state_copy(&heap, empty, 3);
    mola_state_unref(empty);
    mola_json schema =
        json("{\"id\":\"uint\",\"title\":{\"type\":\"string\",\"full_text_search\":true},"
             "\"vector\":{\"type\":\"[3]f32\",\"ann\":true},\"n\":\"[]int\"}");
    ck_assert_int_eq(mola_schema_apply(e.state, schema, NULL, &arena, &why), MOLA_OK);
    e.state->metric = MOLA_METRIC_COSINE;
    ck_assert(mola_rows_built(golden_rows, &e.rows));
    return e;
}

static void free_golden(mola_entry *e)
{
    mola_state_unref(e->state);
    mola_rows_builder_free(golden_rows);
}

START_TEST(the_golden_entry_reads_and_is_written_the_same)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    mola_str image = golden("entry_1.bin", mola_buf_str(&out));
    ck_assert_int_eq(decode(image, &back, &memory), MOLA_OK);
    assert_entry_eq(&e, &back);
    ck_assert_uint_eq(mola_entry_chain(&back), 0x9ffe55025f0fea34U);
    mola_state_unref(back.state);
    mola_entry_free(&heap, memory);
    ck_assert(mola_str_eq(image, mola_buf_str(&out)));
    free_golden(&e);
}
END_TEST

/* What zstd makes may change with its version; what it made must read for ever. Inputs are spelled
 * out here and nowhere else. */
START_TEST(the_golden_packed_payload_reads)
{
    enum { ROWS = 200 };
    mola_column_builder ids, texts, vectors;
    mola_column_builder_init(&ids, &heap, type_of("string"));
    mola_column_builder_init(&texts, &heap, type_of("[]string"));
    mola_column_builder_init(&vectors, &heap, type_of("[2]f16"));
    uint8_t ops[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        char text[64];
        mola_value id = {.elem = MOLA_ELEM_STRING,
                         .s = {text, (size_t)snprintf(text, sizeof text, "document %u", i)}};
        ck_assert_int_eq(mola_column_add_value(&ids, &id), MOLA_OK);
        ops[i] = MOLA_OP_UPSERT;
        (void)snprintf(text, sizeof text, i % 3 ? "[\"tag %u\",\"even\"]" : "null", i % 7);
        ck_assert_int_eq(mola_column_add_json(&texts, MOLA_STR("t"), true, json(text),
                                              &mola_limits_default, &arena, &why),
                         0);
        (void)snprintf(text, sizeof text, i % 5 ? "[%u,0.5]" : "null", i);
        ck_assert_int_eq(mola_column_add_json(&vectors, MOLA_STR("v"), true, json(text),
                                              &mola_limits_default, &arena, &why),
                         0);
        drop_docs();
    }
    mola_row_column columns[] = {{1, mola_column_built(&texts), NULL},
                                 {7, mola_column_built(&vectors), NULL}};
    mola_rows rows = {ROWS, ops, mola_column_built(&ids), 2, columns}, back;
    mola_payload_encode(&out, &rows);
    mola_str image = golden("payload_packed_1.bin", mola_buf_str(&out));
    mola_payload_ref ref = {.bytes = image.len};
    mola_entry_memory *memory;
    mola_sum128(image, ref.sum);
    ck_assert_int_eq(mola_payload_decode(&heap, image, &ref, &back, &memory, &why), MOLA_OK);
    assert_rows_eq(&rows, &back);
    mola_entry_free(&heap, memory);
    mola_column_builder_free(&ids);
    mola_column_builder_free(&texts);
    mola_column_builder_free(&vectors);
}
END_TEST

START_TEST(every_flipped_bit_is_corrupt)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_msg(decode(mola_buf_str(&out), &back, &memory) == MOLA_CORRUPT, "bit %zu", bit);
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    free_golden(&e);
}
END_TEST

START_TEST(every_truncation_is_corrupt)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    for (size_t len = 0; len < out.len; len++)
        ck_assert_int_eq(decode((mola_str){out.data, len}, &back, &memory), MOLA_CORRUPT);
    mola_buf_add_zeros(&out, 1);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_CORRUPT);
    free_golden(&e);
}
END_TEST

/* The checksum made good again, as a hostile bucket would: whatever then reads must be well-formed.
 */
START_TEST(flipped_bits_under_a_good_sum_never_read_wild)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    uint32_t accepted = 0;
    for (size_t bit = 0; bit < (out.len - 16) * 8; bit++) {
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        uint8_t sum[16];
        mola_sum128((mola_str){out.data, out.len - 16}, sum);
        memcpy(out.data + out.len - 16, sum, 16);
        mola_err err = decode(mola_buf_str(&out), &back, &memory);
        ck_assert(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
        if (err == MOLA_OK) {
            accepted++;
            mola_buf text;
            mola_buf_init(&text, &heap);
            for (uint32_t i = 0; i < back.rows.column_count; i++)
                for (uint32_t r = 0; r < back.rows.count; r++)
                    if (mola_column_has(&back.rows.columns[i].column, r))
                        mola_column_print(&text, &back.rows.columns[i].column, r,
                                          MOLA_VECTORS_AS_FLOATS);
            mola_buf_free(&text);
            mola_state_unref(back.state);
            mola_entry_free(&heap, memory);
        }
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_uint_gt(
        accepted, 100); /* flips in ids, times and numbers read as other ids, times and numbers */
    free_golden(&e);
}
END_TEST

static void seal_again(void)
{
    uint8_t sum[16];
    mola_sum128((mola_str){out.data, out.len - 16}, sum);
    memcpy(out.data + out.len - 16, sum, 16);
}

START_TEST(an_entry_of_another_place_is_corrupt)
{
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    uint8_t other[16] = "another name....";
    mola_entry_encode(&out, &e);
    ck_assert_int_eq(mola_entry_decode(&heap, mola_buf_str(&out), other, 42, &back, &memory, &why),
                     MOLA_CORRUPT);
    ck_assert_str_eq(said(), "a log entry of another place");
    ck_assert_int_eq(mola_entry_decode(&heap, mola_buf_str(&out), nsid, 43, &back, &memory, &why),
                     MOLA_CORRUPT);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    mola_entry_free(&heap, memory);
}
END_TEST

START_TEST(newer_formats_are_refused_politely_or_read)
{
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    out.data[4] = 2;
    out.data[100] = 1; /* a field we do not know yet */
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    mola_entry_free(&heap, memory);
    out.data[6] = 2;
    seal_again();
    mola_why_clear(&why);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_INVALID);
    ck_assert_str_eq(said(), "format 2 of a log entry needs a newer mola (this one reads up to 1)");
    out.data[4] = 1;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_CORRUPT);
}
END_TEST

/* Heads that claim far more than there is: told before memory is asked for. */
START_TEST(claims_beyond_the_image_allocate_nothing)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    static const size_t fields[] = {80, 84};
    size_t limit = heap.limit;
    mola_entry_encode(&out, &e);
    heap.limit = atomic_load(&heap.used) + 100000;
    for (size_t i = 0; i < 2; i++) {
        uint32_t was = mola_load_u32(out.data + fields[i]), claim = UINT32_MAX;
        memcpy(out.data + fields[i], &claim, 4);
        seal_again();
        ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_CORRUPT);
        memcpy(out.data + fields[i], &was, 4);
    }
    heap.limit = limit;
    free_golden(&e);
}
END_TEST

START_TEST(no_memory_at_any_step_is_told_and_leaks_nothing)
{
    mola_entry e = golden_entry(), back;
    mola_entry_memory *memory;
    mola_entry_encode(&out, &e);
    size_t limit = heap.limit, used = atomic_load(&heap.used);
    uint32_t refused = 0;
    for (size_t more = 0;; more += 16) {
        heap.limit = used + more;
        mola_err err = decode(mola_buf_str(&out), &back, &memory);
        if (!err)
            break;
        ck_assert_int_eq(err, MOLA_NO_MEMORY);
        ck_assert_uint_eq(atomic_load(&heap.used), used);
        refused++;
    }
    ck_assert_uint_gt(refused, 20);
    heap.limit = limit;
    mola_state_unref(back.state);
    mola_entry_free(&heap, memory);
    free_golden(&e);
}
END_TEST

/* A large column of few different values packs; that the bound on unpacked sizes is not met by
 * honest images. */
START_TEST(columns_of_one_value_pack_and_read_back)
{
    enum { ROWS = 300000 };
    mola_column_builder ids, flags;
    mola_column_builder_init(&ids, &heap, type_of("uint"));
    mola_column_builder_init(&flags, &heap, type_of("string"));
    mola_buf ops;
    mola_buf_init(&ops, &heap);
    for (uint64_t i = 0; i < ROWS; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = 7},
                   flag = {.elem = MOLA_ELEM_STRING, .s = MOLA_STR("same")};
        ck_assert_int_eq(mola_column_add_value(&ids, &id), 0);
        ck_assert_int_eq(mola_column_add_value(&flags, &flag), 0);
        mola_buf_add_char(&ops, MOLA_OP_UPSERT);
    }
    mola_row_column column = {.attr = 1, .column = mola_column_built(&flags)};
    mola_entry e = blank(), back;
    mola_entry_memory *memory;
    e.rows = (mola_rows){ROWS, (const uint8_t *)ops.data, mola_column_built(&ids), 1, &column};
    mola_entry_encode(&out, &e);
    ck_assert_uint_lt(out.len, ROWS); /* of 5 MB */
    ck_assert_int_eq(decode(mola_buf_str(&out), &back, &memory), MOLA_OK);
    assert_rows_eq(&e.rows, &back.rows);
    mola_entry_free(&heap, memory);
    mola_buf_free(&ops);
    mola_column_builder_free(&ids);
    mola_column_builder_free(&flags);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entry");
    TCase *entries = tcase_create("entries");
    tcase_add_checked_fixture(entries, set_up, tear_down);
    tcase_set_timeout(entries, 60);
    tcase_add_loop_test(entries, entries_read_back_equal, 0, 80);
    tcase_add_test(entries, vectors_are_views_on_64_bytes);
    tcase_add_loop_test(entries, slices_encode_as_rows_of_their_own, 0, 50);
    tcase_add_loop_test(entries, payloads_read_back_for_their_reference_only, 0, 20);
    tcase_add_test(entries, the_golden_entry_reads_and_is_written_the_same);
    tcase_add_test(entries, the_golden_packed_payload_reads);
    tcase_add_test(entries, every_flipped_bit_is_corrupt);
    tcase_add_test(entries, every_truncation_is_corrupt);
    tcase_add_test(entries, flipped_bits_under_a_good_sum_never_read_wild);
    tcase_add_test(entries, an_entry_of_another_place_is_corrupt);
    tcase_add_test(entries, newer_formats_are_refused_politely_or_read);
    tcase_add_test(entries, claims_beyond_the_image_allocate_nothing);
    tcase_add_test(entries, no_memory_at_any_step_is_told_and_leaks_nothing);
    tcase_add_test(entries, columns_of_one_value_pack_and_read_back);
    suite_add_tcase(suite, entries);
    return run(suite);
}
