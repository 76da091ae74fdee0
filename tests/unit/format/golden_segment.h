/* golden_segment.h - a small segment with a bit of everything, spelled out here and nowhere else:
 * what the golden head and data object are made of. */
#pragma once
#include "segments.h"

#include "golden.h"

enum { GOLDEN_ROWS = 70, GOLDEN_ATTRS = 8 };

/* `@` stands for a number. */
static void golden_cell(mola_column_builder *b, uint32_t attr, uint32_t row)
{
    static const char *const cells[GOLDEN_ATTRS] = {
        "\"tag @\"",  "[@,0.5,-1]", "{\"a\":@,\"b\":0.5}", "[@,-2]",
        "\"text @\"", "@.25",       "[[@,2],[3,4]]",       "true"};
    if (row % (attr + 3) == 2) {
        ck_assert_int_eq(mola_column_add_absent(b, 1), MOLA_OK);
        return;
    }
    mola_str rest = mola_str_of(cells[attr]), before = mola_str_cut(&rest, '@');
    char text[64];
    (void)snprintf(text, sizeof text, MOLA_FMT "%u" MOLA_FMT, MOLA_ARG(before), row % 7 + attr,
                   MOLA_ARG(rest));
    mola_str whole = attr == 7 ? MOLA_STR("true") : mola_str_of(text);
    ck_assert_int_eq(mola_column_add_json(b, MOLA_STR("a"), false, json_n(whole.data, whole.len),
                                          &mola_limits_default, &arena, &why),
                     MOLA_OK);
    drop_docs();
}

__attribute__((unused)) static void golden_segment_init(random_segment *s)
{
    static const char *const types[GOLDEN_ATTRS] = {"string", "[3]f32", "{}f16",    "[]int",
                                                    "string", "float",  "[][2]f16", "bool"};
    *s = (random_segment){.id = {"owner of segment", 5, 0x123456789abcdef0U},
                          .rows = GOLDEN_ROWS,
                          .attr_count = GOLDEN_ATTRS,
                          .id_type = type_of("string"),
                          .object_bytes = MOLA_SEGMENT_OBJECT_BYTES};
    mola_column_builder_init(&s->ids, &heap, s->id_type);
    for (uint32_t row = 0; row < GOLDEN_ROWS; row++) {
        char text[32];
        mola_value id = {.elem = MOLA_ELEM_STRING,
                         .s = {text, (size_t)snprintf(text, sizeof text, "document %u", row)}};
        ck_assert_int_eq(mola_column_add_value(&s->ids, &id), MOLA_OK);
    }
    for (uint32_t i = 0; i < GOLDEN_ATTRS; i++) {
        s->attrs[i] =
            (mola_attr){.id = 2 * i + 1, .type = type_of(types[i]), .filterable = i != 4 && i != 5};
        mola_column_builder_init(&s->values[i], &heap, s->attrs[i].type);
        for (uint32_t row = 0; row < GOLDEN_ROWS; row++)
            golden_cell(&s->values[i], i, row);
    }
}

/* The golden objects as a sink that has taken them. */
__attribute__((unused)) static void golden_segment_read(memory_sink *sink, const memory_sink *made)
{
    memory_init(sink);
    sink->count = 1;
    mola_buf_init(&sink->data[0], &heap);
    mola_buf_add_str(&sink->data[0], golden("segment_data_1.bin", mola_buf_str(&made->data[0])));
    mola_buf_add_str(&sink->head, golden("segment_head_1.bin", mola_buf_str(&made->head)));
}
