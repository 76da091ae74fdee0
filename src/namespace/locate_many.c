/* Many ids in segments. Looked up one after the other they would have all their hash pages in
 * memory at once, and verify a page for each id on it. So one segment is asked after the other, the
 * newest first; the ids that it may hold are put into the order of its pages, and some pages are
 * read at a time, each of them once. What one segment knows of, the older ones are not asked for.
 */
#include "mola/base/check.h"
#include "namespace/locate.h"

enum {
    STEP_PAGES_MAX = 4096, /* 16 MiB */
    STEP_PAGES_MIN = 64,
    STEP_PART = 16, /* of the memory for views */
};

typedef struct {
    mola_locating *l;
    const uint64_t *filter; /* of the segment that is asked */
    mola_segment *segment;
    uint32_t part;
    uint32_t *ends; /* page -> where its rows end in `rows` */
    uint32_t *rows; /* of the ids, page after page */
    uint64_t *done; /* bit a row of the ids: a segment has held it */
    uint32_t step_pages;
} many;

static bool may_hold(const many *m, uint32_t row)
{
    return mola_locate_may_hold(m->segment, m->filter, (mola_elem)m->l->ids->type.elem,
                                m->l->hashes[row]);
}

/* The rows of page 0, then those of page 1 ...; gives their number. */
static uint32_t sort_rows(many *m)
{
    const mola_locating *l = m->l;
    const mola_segment_head *head = &m->segment->head;
    uint32_t pages = head->index_page_count, first = 0;
    memset(m->ends, 0, pages * sizeof *m->ends);
    for (uint32_t i = 0; i < l->open_count; i++) {
        if (may_hold(m, l->open[i]))
            m->ends[mola_segment_index_page(head, l->hashes[l->open[i]])]++;
    }
    for (uint32_t page = 0; page < pages; page++) {
        uint32_t count = m->ends[page];
        m->ends[page] = first;
        first += count;
    }
    for (uint32_t i = 0; i < l->open_count; i++) {
        uint32_t row = l->open[i];
        if (may_hold(m, row))
            m->rows[m->ends[mola_segment_index_page(head, l->hashes[row])]++] = row;
    }
    return first;
}

static uint32_t first_of(const many *m, uint32_t page)
{
    return page ? m->ends[page - 1] : 0;
}

/* The ids that belong on one page, which is pinned. */
static mola_err look_on_page(many *m, uint32_t page)
{
    mola_locating *l = m->l;
    const mola_segment_head *head = &m->segment->head;
    mola_index_page open;
    mola_str bytes = {m->segment->index[page]->block, MOLA_INDEX_PAGE_BYTES};
    mola_err err = mola_segment_index_open(head, page, bytes, &open);
    for (uint32_t i = first_of(m, page); i < m->ends[page] && !err; i++) {
        uint32_t of = m->rows[i], row;
        mola_value id = mola_column_element(l->ids, of);
        bool found;
        err = mola_index_page_find(head, &open, &id, &found, &row);
        if (err || !found)
            continue;
        m->done[of / 64] |= (uint64_t)1 << of % 64;
        if (mola_bit(l->view->parts[m->part].live, row))
            l->at[of] = (mola_row_at){.part = m->part, .row = row};
    }
    return err ? mola_locate_fail(l, m->segment, page, err) : MOLA_OK;
}

/* Some pages from *page on that have rows, and what is on them. */
static mola_err look_on_some(many *m, uint32_t *page)
{
    uint32_t from = *page, until = from, wanted = 0;
    mola_pin *mark = m->l->ctx->pins;
    mola_loading load;
    mola_load_begin(&load, m->l->ctx, m->l->view);
    mola_err err = MOLA_OK;
    for (; until < m->segment->head.index_page_count && wanted < m->step_pages && !err; until++) {
        if (first_of(m, until) == m->ends[until])
            continue;
        err = mola_load_want(&load, MOLA_WANT_INDEX, m->part, NULL, until);
        wanted++;
    }
    if (!err)
        err = mola_load_run(&load);
    err = mola_load_end(&load, err);
    for (uint32_t at = from; at < until && !err; at++) {
        if (first_of(m, at) < m->ends[at])
            err = look_on_page(m, at);
    }
    mola_view_release(m->l->ctx, mark);
    *page = until;
    return err;
}

static mola_err ask_segment(many *m)
{
    mola_locating *l = m->l;
    mola_err err = MOLA_OK;
    if (sort_rows(m) == 0)
        return MOLA_OK;
    for (uint32_t page = 0; page < m->segment->head.index_page_count && !err;)
        err = look_on_some(m, &page);
    uint32_t still = 0;
    for (uint32_t i = 0; i < l->open_count; i++) {
        if (!mola_bit(m->done, l->open[i]))
            l->open[still++] = l->open[i];
    }
    l->open_count = still;
    return err;
}

mola_err mola_locate_many(mola_locating *l, const uint64_t *const *filters)
{
    uint32_t pages = 0, segments = l->view->segment_count;
    uint64_t step = l->view->memory_max / STEP_PART / MOLA_INDEX_PAGE_BYTES;
    for (uint32_t p = 0; p < segments; p++) {
        uint32_t count = mola_locate_segment(l, p)->head.index_page_count;
        pages = count > pages ? count : pages;
    }
    many m = {.l = l, .step_pages = STEP_PAGES_MAX};
    if (step < STEP_PAGES_MAX)
        m.step_pages = step < STEP_PAGES_MIN ? STEP_PAGES_MIN : (uint32_t)step;
    m.ends = mola_new(l->ctx->arena, uint32_t, pages);
    m.rows = mola_new(l->ctx->arena, uint32_t, l->open_count);
    m.done = mola_new(l->ctx->arena, uint64_t, mola_words(l->ids->rows));
    if (!m.ends || !m.rows || !m.done)
        return mola_fail(l->ctx->why, MOLA_NO_MEMORY, "not enough memory to look ids up");
    mola_err err = MOLA_OK;
    for (uint32_t p = segments; p-- > 0 && l->open_count && !err;) {
        m.part = p;
        m.segment = mola_locate_segment(l, p);
        m.filter = filters[p];
        err = ask_segment(&m);
    }
    return err;
}
