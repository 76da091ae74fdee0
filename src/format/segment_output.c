#include "format/segment_output.h"
#include "format/column_image.h"
#include "mola/base/check.h"

void mola_output_init(mola_segment_output *o, mola_heap *heap, mola_segment_sink *sink)
{
    *o = (mola_segment_output){.sink = sink, .object_bytes = MOLA_SEGMENT_OBJECT_BYTES};
    mola_buf_init(&o->bytes, heap);
    mola_buf_init(&o->objects, heap);
}

void mola_output_free(mola_segment_output *o)
{
    mola_buf_free(&o->bytes);
    mola_buf_free(&o->objects);
}

mola_err mola_output_close(mola_segment_output *o)
{
    mola_segment_object object = {.bytes = o->bytes.len};
    if (o->bytes.failed)
        return MOLA_NO_MEMORY;
    if (o->bytes.len == 0)
        return MOLA_OK;
    mola_sum128(mola_buf_str(&o->bytes), object.sum);
    mola_buf_add(&o->objects, &object, sizeof object);
    if (o->objects.failed)
        return MOLA_NO_MEMORY;
    mola_err err = o->sink->put(o->sink, 'o', o->number, mola_buf_str(&o->bytes));
    o->data_bytes += o->bytes.len;
    o->number++;
    o->bytes.len = 0;
    o->begun = false;
    return err;
}

/* Buffers double. One that will hold a whole object gets the room for it, and for what stands over,
 * at once, rather than twice as much in the end. */
static void make_room(mola_segment_output *o)
{
    enum { OVER = 512 << 10 };
    size_t whole = o->object_bytes + OVER;
    if (o->bytes.len > o->object_bytes / 8 && o->bytes.room < whole)
        (void)mola_buf_reserve(&o->bytes, whole - o->bytes.len);
}

mola_err mola_output_begin(mola_segment_output *o, size_t align, mola_extent *at)
{
    if (o->bytes.len >= o->object_bytes) {
        mola_err err = mola_output_close(o);
        if (err)
            return err;
    }
    make_room(o);
    mola_buf_pad(&o->bytes, o->begun ? align : MOLA_SECTION_ALIGN);
    o->begun = true;
    *at = (mola_extent){.object = o->number, .offset = (uint32_t)o->bytes.len};
    return o->bytes.failed || o->bytes.len > UINT32_MAX ? MOLA_NO_MEMORY : MOLA_OK;
}

mola_err mola_output_end(mola_segment_output *o, mola_extent *at)
{
    at->bytes = (uint32_t)(o->bytes.len - at->offset);
    return o->bytes.failed || o->bytes.len > UINT32_MAX ? MOLA_NO_MEMORY : MOLA_OK;
}

void mola_places_add(mola_buf *places, uint32_t first, mola_extent at)
{
    mola_segment_page page = {first, at};
    mola_buf_add(places, &page, sizeof page);
}

void mola_places_lengthen(mola_buf *places, uint32_t first, mola_extent at)
{
    mola_segment_page *last = NULL;
    if (places->len)
        last = (mola_segment_page *)(void *)(places->data + places->len - sizeof *last);
    if (!last || last->at.object != at.object) {
        mola_places_add(places, first, at);
        return;
    }
    MOLA_ASSERT(last->at.offset + last->at.bytes == at.offset);
    last->at.bytes += at.bytes;
}
