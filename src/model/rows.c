#include "mola/model/rows.h"
#include "model/builder.h"
#include "mola/base/check.h"

typedef struct {
    uint32_t attr;
    mola_column_builder column;
    mola_buf given;        /* bits, once a batch said what is given; empty: given equals present */
    mola_column_mark mark; /* of before the append under way */
    size_t mark_given;
    bool is_new; /* began with that append */
} member;

struct mola_rows_builder {
    mola_heap *heap;
    uint32_t rows;
    mola_buf ops;
    bool has_ids; /* ids is initialised: the first batch told the id type */
    mola_column_builder ids;
    member *members; /* rising attribute ids */
    uint32_t member_count, member_room;
    mola_row_column *views; /* member_room of them */
};

mola_rows_builder *mola_rows_builder_new(mola_heap *heap)
{
    mola_rows_builder *b = mola_alloc(heap, sizeof *b);
    if (!b)
        return NULL;
    b->heap = heap;
    mola_buf_init(&b->ops, heap);
    return b;
}

static void free_member(member *m)
{
    mola_column_builder_free(&m->column);
    mola_buf_free(&m->given);
}

void mola_rows_builder_free(mola_rows_builder *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < b->member_count; i++)
        free_member(&b->members[i]);
    mola_free(b->heap, b->members, b->member_room * sizeof *b->members);
    mola_free(b->heap, b->views, b->member_room * sizeof *b->views);
    if (b->has_ids)
        mola_column_builder_free(&b->ids);
    mola_buf_free(&b->ops);
    mola_free(b->heap, b, sizeof *b);
}

static bool make_room(mola_rows_builder *b, uint32_t more)
{
    if (more <= b->member_room - b->member_count)
        return true;
    uint32_t room = b->member_count + more;
    room = room < 2 * b->member_room ? 2 * b->member_room : room;
    member *members = mola_alloc_array(b->heap, member, room);
    mola_row_column *views = mola_alloc_array(b->heap, mola_row_column, room);
    if (!members || !views) {
        mola_free(b->heap, members, room * sizeof *members);
        mola_free(b->heap, views, room * sizeof *views);
        return false;
    }
    if (b->member_count)
        memcpy(members, b->members, b->member_count * sizeof *members);
    mola_free(b->heap, b->members, b->member_room * sizeof *b->members);
    mola_free(b->heap, b->views, b->member_room * sizeof *b->views);
    b->members = members;
    b->views = views;
    b->member_room = room;
    return true;
}

/* Every attribute of the batch gets a member; each member remembers where it stands. */
static void join_members(mola_rows_builder *b, const mola_rows *rows)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        uint32_t attr = rows->columns[i].attr;
        MOLA_ASSERT(i == 0 || attr > rows->columns[i - 1].attr);
        while (at < b->member_count && b->members[at].attr < attr)
            at++;
        if (at < b->member_count && b->members[at].attr == attr)
            continue;
        memmove(&b->members[at + 1], &b->members[at], (b->member_count - at) * sizeof(member));
        b->member_count++;
        b->members[at] = (member){.attr = attr, .is_new = true};
        mola_column_builder_init(&b->members[at].column, b->heap, rows->columns[i].column.type);
        mola_buf_init(&b->members[at].given, b->heap);
    }
    for (at = 0; at < b->member_count; at++) {
        member *m = &b->members[at];
        m->mark = mola_column_builder_mark(&m->column);
        m->mark_given = m->given.len;
    }
}

static bool append_given(member *m, uint32_t rows_before, const mola_row_column *from,
                         uint32_t rows)
{
    if (m->given.len == 0 && !from->given)
        return true;
    if (m->given.len == 0 && rows_before > 0) { /* so far: what is present */
        mola_column so_far = mola_column_built(&m->column);
        if (!mola_bits_append(&m->given, 0, so_far.present, 0, rows_before))
            return false;
    }
    return mola_bits_append(&m->given, rows_before,
                            from->given ? from->given : from->column.present, 0, rows);
}

static mola_err append_member(member *m, uint32_t rows_before, const mola_row_column *from,
                              uint32_t rows)
{
    mola_err err = MOLA_OK;
    if (m->is_new)
        err = mola_column_add_absent(&m->column, rows_before);
    if (err)
        return err;
    if (!from) {
        if (m->given.len && !mola_bits_append_zeros(&m->given, rows_before, rows))
            return MOLA_NO_MEMORY;
        return mola_column_add_absent(&m->column, rows);
    }
    MOLA_ASSERT(from->column.rows == rows);
    if (!append_given(m, rows_before, from, rows))
        return MOLA_NO_MEMORY;
    return mola_column_add_rows(&m->column, &from->column, 0, rows);
}

static mola_err append_all(mola_rows_builder *b, const mola_rows *rows)
{
    if (rows->count > UINT32_MAX - b->rows)
        return MOLA_NO_MEMORY;
    mola_buf_add(&b->ops, rows->ops, rows->count);
    mola_err err = b->ops.failed ? MOLA_NO_MEMORY : MOLA_OK;
    if (!err)
        err = mola_column_add_rows(&b->ids, &rows->ids, 0, rows->count);
    uint32_t next = 0;
    for (uint32_t i = 0; i < b->member_count && !err; i++) {
        member *m = &b->members[i];
        bool has = next < rows->column_count && rows->columns[next].attr == m->attr;
        err = append_member(m, b->rows, has ? &rows->columns[next] : NULL, rows->count);
        next += has;
    }
    return err;
}

static void take_back(mola_rows_builder *b, const mola_column_mark *ids)
{
    b->ops.len = b->rows;
    b->ops.failed = false;
    mola_column_builder_rewind(&b->ids, ids);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->member_count; i++) {
        member *m = &b->members[i];
        if (m->is_new) {
            free_member(m);
            continue;
        }
        mola_column_builder_rewind(&m->column, &m->mark);
        m->given.len = m->mark_given;
        m->given.failed = false;
        if (m->given.len && b->rows % 64) {
            uint64_t *words = (uint64_t *)(void *)m->given.data;
            words[b->rows / 64] &= (UINT64_C(1) << b->rows % 64) - 1;
        }
        b->members[kept++] = *m;
    }
    b->member_count = kept;
}

mola_err mola_rows_append(mola_rows_builder *b, const mola_rows *rows)
{
    if (rows->count == 0)
        return MOLA_OK;
    if (!b->has_ids) {
        mola_column_builder_init(&b->ids, b->heap, rows->ids.type);
        b->has_ids = true;
    }
    MOLA_ASSERT(mola_type_eq(b->ids.type, rows->ids.type) && rows->ids.rows == rows->count);
    if (!make_room(b, rows->column_count))
        return MOLA_NO_MEMORY;
    mola_column_mark ids = mola_column_builder_mark(&b->ids);
    join_members(b, rows);
    mola_err err = append_all(b, rows);
    if (err) {
        take_back(b, &ids);
        return err;
    }
    b->rows += rows->count;
    for (uint32_t i = 0; i < b->member_count; i++)
        b->members[i].is_new = false;
    return MOLA_OK;
}

static uint64_t builder_bytes(const mola_column_builder *c)
{
    return c->present.len + c->row_from.len + c->byte_from.len + c->data.len + c->weights.len;
}

uint64_t mola_rows_bytes(const mola_rows_builder *b)
{
    uint64_t bytes = b->ops.len + (b->has_ids ? builder_bytes(&b->ids) : 0);
    for (uint32_t i = 0; i < b->member_count; i++)
        bytes += builder_bytes(&b->members[i].column) + b->members[i].given.len;
    return bytes;
}

bool mola_rows_built(mola_rows_builder *b, mola_rows *out)
{
    *out = (mola_rows){.count = b->rows, .column_count = b->member_count, .columns = b->views};
    if (!b->has_ids)
        return true;
    out->ops = (const uint8_t *)b->ops.data;
    out->ids = mola_column_built(&b->ids);
    for (uint32_t i = 0; i < b->member_count; i++) {
        const member *m = &b->members[i];
        b->views[i] = (mola_row_column){
            .attr = m->attr,
            .column = mola_column_built(&m->column),
            .given = m->given.len ? (const uint64_t *)(const void *)m->given.data : NULL,
        };
    }
    return true;
}
