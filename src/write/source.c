/* source.c - rows out of rows or columns. */
#include "write/source.h"
#include "mola/base/check.h"
#include "mola/codec/base64.h"

void mola_source_of_rows(mola_source *source, mola_op op, mola_json rows)
{
    *source = (mola_source){.op = op, .rows = rows, .count = mola_json_count(rows)};
}

void mola_source_close(mola_source *source)
{
    if (!source->heap)
        return;
    mola_json_free(&source->split);
    mola_buf_free(&source->split_text);
    source->heap = NULL;
}

/* -- one `vector` for the whole column (reference 4.4) -------------------------------------------
 */

static bool all_numbers(mola_json list)
{
    mola_json v = mola_json_first(list);
    if (!v.doc)
        return false;
    while (v.doc && mola_json_kind_of(v) == MOLA_JSON_NUMBER)
        v = mola_json_next(list, v);
    return !v.doc;
}

/* A list of base64 texts, one a row, from one for all. */
static mola_err divide_text(mola_json text, uint32_t rows, mola_buf *out, mola_arena *arena)
{
    mola_str base64;
    size_t size;
    if (!mola_json_string(text, arena, &base64))
        return MOLA_NO_MEMORY;
    if (!mola_base64_decoded_size(base64, &size) || rows == 0 || size % (4 * (size_t)rows))
        return MOLA_INVALID;
    char *raw = mola_new(arena, char, size);
    if (!raw)
        return MOLA_NO_MEMORY;
    if (!mola_base64_decode(base64, raw))
        return MOLA_INVALID;
    size_t step = size / rows;
    for (uint32_t row = 0; row < rows; row++) {
        mola_buf_add_str(out, row ? MOLA_STR("\",\"") : MOLA_STR("[\""));
        mola_base64_print(out, raw + row * step, step);
    }
    mola_buf_add_str(out, MOLA_STR("\"]"));
    return MOLA_OK;
}

/* A list of lists of numbers from one flat list: brackets between the numbers as they stand. */
static mola_err divide_numbers(mola_json numbers, uint32_t rows, mola_buf *out)
{
    uint32_t count = mola_json_count(numbers);
    if (rows == 0 || count % rows)
        return MOLA_INVALID;
    uint32_t step = count / rows, i = 0;
    for (mola_json v = mola_json_first(numbers); v.doc; v = mola_json_next(numbers, v), i++) {
        if (i % step) {
            mola_buf_add_char(out, ',');
        } else {
            mola_buf_add_str(out, i ? MOLA_STR("],[") : MOLA_STR("[["));
        }
        mola_buf_add_str(out, mola_json_number_text(v));
    }
    mola_buf_add_str(out, MOLA_STR("]]"));
    return MOLA_OK;
}

/* `vector` as a list with one element a row. The two short forms are written out as the long one,
 * so that one piece of code converts vectors, with one set of errors. */
static mola_err divide_vector(mola_source *source, mola_json *vector, mola_arena *arena,
                              mola_why *why)
{
    bool text = mola_json_kind_of(*vector) == MOLA_JSON_STRING;
    if (!text && !all_numbers(*vector))
        return MOLA_OK;
    mola_buf *out = &source->split_text;
    mola_err err = text ? divide_text(*vector, source->count, out, arena)
                        : divide_numbers(*vector, source->count, out);
    if (err == MOLA_INVALID)
        return mola_fail(why, err, "invalid `vector` column");
    size_t size = out->len;
    mola_buf_add_zeros(out, MOLA_JSON_PADDING);
    if (err || out->failed)
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory for the `vector` column");
    err = mola_json_parse(source->heap, (mola_str){out->data, size}, &source->split, why);
    if (!err)
        *vector = mola_json_root(&source->split);
    return err;
}

/* -- columns ----------------------------------------------------------------------------------- */

static mola_err check_lengths(const mola_source *source, const char *name, mola_why *why)
{
    for (uint32_t i = 0; i < source->column_count; i++) {
        const mola_source_column *c = &source->columns[i];
        uint32_t count = mola_json_count(c->column);
        if (count != source->count) {
            return mola_fail(why, MOLA_INVALID,
                             "%s: column `" MOLA_FMT "` has %u elements, expected %u", name,
                             MOLA_ARG(c->name), count, source->count);
        }
    }
    return MOLA_OK;
}

mola_err mola_source_of_columns(mola_source *source, mola_op op, mola_json columns,
                                const char *name, mola_heap *heap, mola_arena *arena, mola_why *why)
{
    *source = (mola_source){.op = op, .heap = heap, .split = {.heap = heap}};
    mola_buf_init(&source->split_text, heap);
    source->ids = mola_json_get(columns, MOLA_STR("id"));
    if (!source->ids.doc)
        return mola_fail(why, MOLA_INVALID, "%s must contain an `id` column", name);
    source->count = mola_json_count(source->ids);
    source->columns = mola_new(arena, mola_source_column, mola_json_count(columns));
    if (!source->columns)
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory for the columns");
    for (mola_json v = mola_json_first(columns); v.doc; v = mola_json_next(columns, v)) {
        mola_source_column *c = &source->columns[source->column_count];
        if (!mola_json_key(v, arena, &c->name))
            return mola_fail(why, MOLA_NO_MEMORY, "not enough memory for the columns");
        if (mola_str_eq(c->name, MOLA_STR("id")))
            continue;
        source->column_count++;
        c->column = v;
        mola_err err = MOLA_OK;
        if (mola_str_eq(c->name, MOLA_STR("vector")))
            err = divide_vector(source, &c->column, arena, why);
        if (err)
            return err;
    }
    return check_lengths(source, name, why);
}

/* -- the walk ---------------------------------------------------------------------------------- */

void mola_source_rewind(mola_source *source)
{
    source->under_way = false;
}

/* The element behind `at` in a list, or the first one. */
static mola_json step(mola_json list, mola_json at, bool under_way)
{
    return under_way ? mola_json_next(list, at) : mola_json_first(list);
}

bool mola_source_next(mola_source *source)
{
    source->place = 0;
    source->cell = (mola_json){0};
    if (source->rows.doc) {
        source->row = step(source->rows, source->row, source->under_way);
        source->id = mola_json_get(source->row, MOLA_STR("id"));
    } else if (source->ids.doc) {
        source->id = step(source->ids, source->id, source->under_way);
        for (uint32_t i = 0; i < source->column_count && source->id.doc; i++) {
            mola_source_column *c = &source->columns[i];
            c->at = step(c->column, c->at, source->under_way);
        }
    } else {
        return false;
    }
    source->under_way = true;
    return source->id.doc != NULL;
}

mola_err mola_source_cell(mola_source *source, mola_fields *fields, mola_arena *arena,
                          uint32_t *field, bool *added)
{
    mola_str name;
    if (source->rows.doc) {
        source->cell = step(source->row, source->cell, source->place > 0);
        source->place++;
        if (source->cell.doc && source->cell.at == source->id.at) {
            source->cell = step(source->row, source->cell, true);
            source->place++;
        }
        if (!source->cell.doc)
            return MOLA_OK;
        if (!mola_json_key(source->cell, arena, &name))
            return MOLA_NO_MEMORY;
    } else {
        if (source->place == source->column_count) {
            source->cell = (mola_json){0};
            return MOLA_OK;
        }
        source->cell = source->columns[source->place].at;
        name = source->columns[source->place].name;
        source->place++;
    }
    return mola_fields_at(fields, name, source->place - 1, field, added) ? MOLA_OK : MOLA_NO_MEMORY;
}
