/* segment_index.c - writes what segment_ids.c and bloom.c read. */
#include "format/segment_output.h"
#include "mola/base/check.h"

enum {
    PAGE_HEAD_BYTES = 8,
    ROOM = MOLA_INDEX_PLAIN_BYTES - PAGE_HEAD_BYTES,
    FULL_PERCENT = 82, /* of a page on average: the fullest is then rarely too full */
};

typedef struct {
    const mola_segment_id *id;
    const mola_column *ids;
    uint32_t page_count;
    uint32_t *counts; /* entries of each page, later the end of its rows in `rows` */
    uint32_t *bytes;  /* of each page */
    uint32_t *rows;   /* page after page */
    mola_heap *heap;
} sorter;

static uint32_t entry_bytes(const mola_column *ids, uint32_t row)
{
    size_t width = mola_elem_width(ids->type.elem);
    if (width)
        return 4 + (uint32_t)width;
    return 5 + ids->byte_from[row + 1] - ids->byte_from[row];
}

static uint64_t hash_of(const mola_column *ids, uint32_t row)
{
    mola_value id = mola_cell(ids, row);
    return mola_value_hash(&id);
}

static uint32_t page_of(const sorter *s, uint32_t row)
{
    return mola_index_page_of(s->id->rand, s->page_count, hash_of(s->ids, row));
}

static void free_counts(sorter *s)
{
    mola_free(s->heap, s->counts, s->page_count * sizeof *s->counts);
    mola_free(s->heap, s->bytes, s->page_count * sizeof *s->bytes);
    s->counts = s->bytes = NULL;
}

/* Counts what comes into each page. *fits false: one of them overflows. */
static mola_err count(sorter *s, bool *fits)
{
    s->counts = mola_alloc_array(s->heap, uint32_t, s->page_count);
    s->bytes = mola_alloc_array(s->heap, uint32_t, s->page_count);
    if (!s->counts || !s->bytes)
        return MOLA_NO_MEMORY;
    *fits = true;
    for (uint32_t row = 0; *fits && row < s->ids->rows; row++) {
        uint32_t page = page_of(s, row);
        s->counts[page]++;
        s->bytes[page] += entry_bytes(s->ids, row);
        *fits = s->bytes[page] <= ROOM;
    }
    return MOLA_OK;
}

/* As few pages as hold all ids, about. */
static mola_err choose_page_count(sorter *s)
{
    uint64_t total = 0;
    for (uint32_t row = 0; row < s->ids->rows; row++)
        total += entry_bytes(s->ids, row);
    s->page_count = (uint32_t)(total <= ROOM ? 1 : total * 100 / FULL_PERCENT / ROOM + 1);
    uint64_t most = (uint64_t)s->page_count * 4 + 64; /* so many only if hashes are the same */
    for (;;) {
        bool fits = false;
        mola_err err = count(s, &fits);
        if (err || fits)
            return err;
        free_counts(s);
        s->page_count += s->page_count / 16 + 1;
        if (s->page_count > most)
            return MOLA_INVALID;
    }
}

/* The rows of page 0, then those of page 1 ...; counts[page] becomes the end of its rows. */
static mola_err sort_rows(sorter *s)
{
    s->rows = mola_alloc_array(s->heap, uint32_t, s->ids->rows);
    if (!s->rows)
        return MOLA_NO_MEMORY;
    uint32_t first = 0;
    for (uint32_t page = 0; page < s->page_count; page++) {
        uint32_t entries = s->counts[page];
        s->counts[page] = first;
        first += entries;
    }
    for (uint32_t row = 0; row < s->ids->rows; row++)
        s->rows[s->counts[page_of(s, row)]++] = row;
    return MOLA_OK;
}

static void fill_page(const sorter *s, const uint32_t *rows, uint32_t entries, char *page)
{
    const mola_column *ids = s->ids;
    size_t width = mola_elem_width(ids->type.elem);
    memset(page, 0, MOLA_INDEX_PLAIN_BYTES);
    memcpy(page, &entries, sizeof entries);
    char *at = page + PAGE_HEAD_BYTES;
    for (uint32_t i = 0; width && i < entries; i++, at += width)
        memcpy(at, ids->data + rows[i] * width, width);
    if (entries)
        memcpy(at, rows, entries * sizeof *rows);
    at += entries * sizeof *rows;
    if (width)
        return;
    for (uint32_t i = 0; i < entries; i++)
        *at++ = (char)mola_cell_text(ids, rows[i]).len;
    for (uint32_t i = 0; i < entries; i++) {
        mola_str text = mola_cell_text(ids, rows[i]);
        if (text.len)
            memcpy(at, text.data, text.len);
        at += text.len;
    }
}

static mola_err write_pages(mola_segment_output *o, const sorter *s, mola_buf *runs)
{
    char page[MOLA_INDEX_PLAIN_BYTES];
    mola_output_section(o);
    for (uint32_t i = 0; i < s->page_count; i++) {
        uint32_t first = i ? s->counts[i - 1] : 0;
        mola_extent at;
        mola_block_place place = mola_segment_place(s->id, MOLA_KIND_INDEX, 0, i);
        fill_page(s, s->rows + first, s->counts[i] - first, page);
        mola_err err = mola_output_begin(o, MOLA_SECTION_ALIGN, &at);
        if (err)
            return err;
        mola_block_write(&o->bytes, &place, MOLA_BLOCK_RAW, (mola_str){page, sizeof page});
        err = mola_output_end(o, &at);
        if (err)
            return err;
        mola_places_lengthen(runs, i, at);
    }
    return MOLA_OK;
}

static mola_err write_bloom(mola_segment_output *o, const mola_segment_id *id,
                            const uint64_t *words, uint32_t word_count, mola_buf *blocks)
{
    mola_output_section(o);
    for (uint32_t first = 0, i = 0; first < word_count; first += MOLA_BLOOM_BLOCK_WORDS, i++) {
        uint32_t left = word_count - first;
        size_t size = 8 * (size_t)(left < MOLA_BLOOM_BLOCK_WORDS ? left : MOLA_BLOOM_BLOCK_WORDS);
        mola_extent at;
        mola_block_place place = mola_segment_place(id, MOLA_KIND_BLOOM, 0, i);
        mola_err err = mola_output_begin(o, MOLA_PAGE_ALIGN, &at);
        if (err)
            return err;
        mola_block_write(&o->bytes, &place, MOLA_BLOCK_RAW,
                         (mola_str){(const char *)(words + first), size});
        err = mola_output_end(o, &at);
        if (err)
            return err;
        mola_buf_add(blocks, &at, sizeof at);
    }
    return MOLA_OK;
}

static mola_err make_bloom(mola_segment_output *o, const sorter *s, mola_index_places *out)
{
    out->bloom_words = mola_bloom_words_for(s->ids->rows);
    uint64_t *words = mola_alloc_array(s->heap, uint64_t, out->bloom_words);
    if (!words)
        return MOLA_NO_MEMORY;
    for (uint32_t row = 0; row < s->ids->rows; row++)
        mola_bloom_add(words, out->bloom_words, hash_of(s->ids, row));
    mola_err err = write_bloom(o, s->id, words, out->bloom_words, &out->blocks);
    mola_free(s->heap, words, out->bloom_words * sizeof *words);
    return err;
}

mola_err mola_index_write(mola_segment_output *o, const mola_segment_id *id, const mola_column *ids,
                          mola_index_places *out)
{
    MOLA_ASSERT(ids->rows > 0 && mola_segment_id_type_ok(ids->type));
    sorter s = {.id = id, .ids = ids, .heap = o->bytes.heap};
    mola_err err = choose_page_count(&s);
    if (!err)
        err = sort_rows(&s);
    if (!err)
        err = write_pages(o, &s, &out->runs);
    out->page_count = s.page_count;
    mola_free(s.heap, s.rows, ids->rows * sizeof *s.rows);
    free_counts(&s);
    if (!err)
        err = make_bloom(o, &s, out);
    return !err && (out->runs.failed || out->blocks.failed) ? MOLA_NO_MEMORY : err;
}
