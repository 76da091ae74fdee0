#include "golden_segment.h"

#include "mola/format/delete_vector.h"
#include "mola/format/entry.h"
#include "mola/format/holder.h"
#include "mola/format/manifest.h"
#include "mola/format/operation.h"
#include <dirent.h>

/* Every image that was ever written down, against every damage of one bit and every cut: none may
 * be believed. Of a data object its sum tells, in the head of its segment; and whoever fetches a
 * part of it only, a block or a record, must be told by that part. */

typedef struct {
    const char *name;
    mola_err (*decode)(mola_str image);
} image_kind;

static mola_err decode_manifest(mola_str image)
{
    mola_manifest m;
    mola_err err = mola_manifest_decode(image, &arena, &heap, &m, NULL);
    if (!err)
        mola_state_unref(m.state);
    return err;
}

static mola_err decode_entry(mola_str image)
{
    static const uint8_t nsid[16] = "namespace number";
    mola_entry e;
    mola_entry_memory *memory;
    mola_err err = mola_entry_decode(&heap, image, nsid, 42, &e, &memory, NULL);
    if (err)
        return err;
    mola_state_unref(e.state);
    mola_entry_free(&heap, memory);
    return MOLA_OK;
}

/* As a log entry names it: with the sum and the length that it was written with. */
static mola_err decode_payload(mola_str image)
{
    static mola_payload_ref ref;
    mola_rows rows;
    mola_entry_memory *memory;
    if (ref.bytes == 0) {
        ref.bytes = image.len;
        mola_sum128(image, ref.sum);
    }
    mola_err err = mola_payload_decode(&heap, image, &ref, &rows, &memory, NULL);
    if (!err)
        mola_entry_free(&heap, memory);
    return err;
}

static mola_err decode_block(mola_str image)
{
    static const mola_block_place place = {
        .nsid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
        .base = 0x1122334455667788,
        .rand = 0x99aabbccddeeff00,
        .column = 7,
        .block = 42,
        .kind = 'K',
    };
    mola_str plain;
    return mola_block_read(image, &place, &arena, &plain);
}

static mola_err decode_deletes(mola_str image)
{
    static const mola_delete_vector_id place = {"namespace number", 6, 0xdead};
    static const mola_segment_id segment = {"parent namespace", 4, 0xbeef};
    uint64_t *dead;
    uint32_t count, rows = image.len > 84 ? mola_load_u32(image.data + 80) : 1;
    if (rows == 0 || rows > MOLA_SEGMENT_ROWS_MAX)
        rows = 1;
    return mola_delete_vector_decode(image, &place, &segment, rows, &arena, &dead, &count, NULL);
}

static const mola_segment_id golden_id = {"owner of segment", 5, 0x123456789abcdef0U};

static mola_err decode_head(mola_str image)
{
    mola_segment_head head;
    return mola_segment_head_decode(image, &golden_id, &arena, &head, NULL);
}

static mola_err decode_data(mola_str image)
{
    static mola_segment_head head;
    static mola_arena lasting;
    if (head.rows == 0) {
        mola_arena_init(&lasting, &heap, 1 << 20);
        mola_str bytes = golden("segment_head_1.bin", (mola_str){0});
        ck_assert_int_eq(mola_segment_head_decode(bytes, &golden_id, &lasting, &head, &why),
                         MOLA_OK);
    }
    uint8_t sum[16];
    mola_sum128(image, sum);
    bool good = image.len == head.objects[0].bytes && memcmp(sum, head.objects[0].sum, 16) == 0;
    if (good) { /* asked for once, at the end */
        mola_arena_reset(&lasting);
        head.rows = 0;
    }
    return good ? MOLA_OK : MOLA_CORRUPT;
}

static mola_err decode_operation(mola_str image)
{
    mola_operation o;
    return mola_operation_decode(image, &o, NULL);
}

static mola_err decode_holder(mola_str image)
{
    mola_holder h;
    return mola_holder_decode(image, &h, NULL);
}

static const image_kind kinds[] = {
    {"block_raw.bin", decode_block},
    {"block_zstd.bin", decode_block},
    {"deletes_1.bin", decode_deletes},
    {"deletes_packed_1.bin", decode_deletes},
    {"entry_1.bin", decode_entry},
    {"holder_branch_1.bin", decode_holder},
    {"holder_checkpoint_1.bin", decode_holder},
    {"operation_copy_1.bin", decode_operation},
    {"operation_recall_1.bin", decode_operation},
    {"manifest_1.bin", decode_manifest},
    {"manifest_inline_1.bin", decode_manifest},
    {"manifest_new_1.bin", decode_manifest},
    {"payload_packed_1.bin", decode_payload},
    {"segment_data_1.bin", decode_data},
    {"segment_head_1.bin", decode_head},
    {"tombstone_1.bin", decode_manifest},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* A golden image that nobody damages here would be a hole. */
START_TEST(every_golden_image_is_looked_at)
{
    const char *folder = getenv("MOLA_GOLDEN_DIR");
    DIR *directory = opendir(folder ? folder : "tests/golden");
    ck_assert_ptr_nonnull(directory);
    uint32_t seen = 0;
    for (struct dirent *e; (e = readdir(directory));) {
        int kind = 0;
        if (e->d_name[0] == '.')
            continue;
        while (kind < KINDS && strcmp(kinds[kind].name, e->d_name) != 0)
            kind++;
        ck_assert_msg(kind < KINDS, "%s is not in the list", e->d_name);
        seen++;
    }
    (void)closedir(directory);
    ck_assert_uint_eq(seen, KINDS);
}
END_TEST

/* Damage of every bit and every length; `decode` says what it thinks of the bytes. */
static void damage(const char *name, mola_str image, mola_err (*decode)(mola_str, void *),
                   void *with)
{
    char *bytes = mola_alloc(&heap, image.len + 1);
    memcpy(bytes, image.data, image.len);
    for (size_t bit = 0; bit < image.len * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        mola_err err = decode((mola_str){bytes, image.len}, with);
        ck_assert_msg(err == MOLA_CORRUPT, "%s: bit %zu: %s", name, bit, mola_err_name(err));
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < image.len; len++)
        ck_assert_msg(decode((mola_str){bytes, len}, with) == MOLA_CORRUPT, "%s: %zu bytes", name,
                      len);
    ck_assert_msg(decode((mola_str){bytes, image.len + 1}, with) == MOLA_CORRUPT, "%s: longer",
                  name);
    ck_assert_msg(decode((mola_str){bytes, image.len}, with) == MOLA_OK, "%s", name);
    mola_free(&heap, bytes, image.len + 1);
}

static mola_err decode_kind(mola_str image, void *with)
{
    mola_arena_reset(&arena);
    return ((const image_kind *)with)->decode(image);
}

START_TEST(every_flipped_bit_and_cut_of_an_image_is_corrupt)
{
    image_kind kind = kinds[_i];
    mola_str image = golden(kind.name, (mola_str){0}), copy;
    char *bytes = mola_alloc(&heap, image.len);
    memcpy(bytes, image.data, image.len);
    copy = (mola_str){bytes, image.len};
    ck_assert_int_eq(kind.decode(copy), MOLA_OK);
    damage(kind.name, copy, decode_kind, &kind);
    mola_free(&heap, bytes, image.len);
}
END_TEST

/* -- parts of the data object ------------------------------------------------------------------ */

typedef struct {
    const mola_segment_head *head;
    const mola_segment_attr *attr; /* NULL: index, Bloom */
    bool bloom;
    uint32_t number; /* of the block; of a record: the row */
    mola_heap *heap;
} part;

static mola_err decode_part(mola_str bytes, void *with)
{
    const part *p = with;
    static uint64_t words[1 << 15];
    bool found;
    uint32_t row;
    mola_column columns[GOLDEN_ATTRS];
    mola_arena small;
    mola_value id = {.elem = MOLA_ELEM_STRING, .s = MOLA_STR("document 3")};
    mola_arena_init(&small, p->heap, 1 << 20);
    mola_err err;
    if (!p->attr && p->bloom)
        err = mola_segment_bloom_decode(p->head, p->number, bytes, words);
    else if (!p->attr)
        err = mola_segment_index_find(p->head, p->number, bytes, &id, &found, &row);
    else if (p->attr->layout == MOLA_AS_PAGES)
        err = mola_segment_page_decode(p->head, p->attr, p->number, bytes, &small, columns);
    else if (p->attr->layout == MOLA_AS_DOCUMENTS)
        err = mola_segment_group_decode(p->head, p->number, bytes, &small, columns);
    else
        err = mola_segment_records_decode(p->head, p->attr, p->number, 1, bytes, words);
    mola_arena_reset(&small);
    return err;
}

static uint8_t covered[1 << 16];

static void damage_part(mola_str object, mola_extent at, const part *p)
{
    part copy = *p;
    ck_assert_uint_eq(at.object, 0);
    ck_assert_uint_le(at.offset + at.bytes, object.len);
    memset(covered + at.offset, 1, at.bytes);
    damage("part", (mola_str){object.data + at.offset, at.bytes}, decode_part, &copy);
}

static void damage_attr(mola_str object, const mola_segment_head *head, const mola_segment_attr *a)
{
    part p = {.head = head, .attr = a, .heap = &heap};
    for (uint32_t row = 0; a->layout == MOLA_AS_VECTORS && row < head->rows; row++) {
        uint32_t one = 1;
        p.number = row;
        damage_part(object, mola_segment_records_at(a, row, &one), &p);
    }
    for (p.number = 0; a->layout != MOLA_AS_VECTORS && p.number < a->page_count; p.number++)
        damage_part(object, a->pages[p.number].at, &p);
}

START_TEST(every_flipped_bit_and_cut_of_a_block_is_corrupt)
{
    mola_segment_head head;
    mola_str image = golden("segment_head_1.bin", (mola_str){0});
    mola_str object = golden("segment_data_1.bin", (mola_str){0});
    ck_assert_int_eq(mola_segment_head_decode(image, &golden_id, &arena, &head, &why), MOLA_OK);
    memset(covered, 0, sizeof covered);
    bool documents = false;
    for (uint32_t i = 0; i < head.attr_count; i++) {
        bool group = head.attrs[i].layout == MOLA_AS_DOCUMENTS;
        if (!group || !documents)
            damage_attr(object, &head, &head.attrs[i]);
        documents = documents || group;
    }
    ck_assert(documents);
    for (uint32_t i = 0; i < head.index_page_count; i++)
        damage_part(object, mola_segment_index_at(&head, i),
                    &(part){.head = &head, .number = i, .heap = &heap});
    for (uint32_t i = 0; i < head.bloom_block_count; i++)
        damage_part(object, head.bloom_blocks[i],
                    &(part){.head = &head, .bloom = true, .number = i, .heap = &heap});
    for (size_t i = 0; i < object.len; i++) /* the rest is what sections are aligned with */
        ck_assert(covered[i] || object.data[i] == 0);
}
END_TEST

/* A block in the place of another one, of its own or another segment. */
START_TEST(blocks_of_other_places_are_corrupt)
{
    mola_segment_head head, other;
    mola_str image = golden("segment_head_1.bin", (mola_str){0});
    mola_str object = golden("segment_data_1.bin", (mola_str){0});
    ck_assert_int_eq(mola_segment_head_decode(image, &golden_id, &arena, &head, &why), MOLA_OK);
    part p = {.head = &other, .attr = &head.attrs[0], .heap = &heap};
    mola_extent at = head.attrs[0].pages[0].at;
    mola_str block = {object.data + at.offset, at.bytes};
    other = head;
    ck_assert_int_eq(decode_part(block, &p), MOLA_OK);
    other.id.owner[0] ^= 1;
    ck_assert_int_eq(decode_part(block, &p), MOLA_CORRUPT);
    other = head;
    other.id.base ^= 1;
    ck_assert_int_eq(decode_part(block, &p), MOLA_CORRUPT);
    other = head;
    other.id.rand ^= 1;
    ck_assert_int_eq(decode_part(block, &p), MOLA_CORRUPT);
    mola_segment_attr moved = head.attrs[0];
    moved.attr = 77;
    p.head = &head;
    p.attr = &moved;
    ck_assert_int_eq(decode_part(block, &p), MOLA_CORRUPT);
    const mola_segment_attr *vectors = mola_segment_find(&head, 3);
    uint32_t one = 1;
    p.attr = vectors;
    at = mola_segment_records_at(vectors, 3, &one);
    block = (mola_str){object.data + at.offset, at.bytes};
    p.number = 3;
    ck_assert_int_eq(decode_part(block, &p), MOLA_OK);
    p.number = 4;
    ck_assert_int_eq(decode_part(block, &p), MOLA_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damage");
    TCase *images = tcase_create("images");
    tcase_add_checked_fixture(images, set_up, tear_down);
    tcase_set_timeout(images, 60);
    tcase_add_test(images, every_golden_image_is_looked_at);
    tcase_add_loop_test(images, every_flipped_bit_and_cut_of_an_image_is_corrupt, 0, KINDS);
    tcase_add_test(images, every_flipped_bit_and_cut_of_a_block_is_corrupt);
    tcase_add_test(images, blocks_of_other_places_are_corrupt);
    suite_add_tcase(suite, images);
    return run(suite);
}
