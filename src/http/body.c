#include "http/body.h"
#include "mola/base/check.h"
#include <sys/mman.h>

enum { MAPPED_FROM = 1 << 20, FIRST_ROOM = 16 << 10 };

static bool charge(mola_body *b, uint64_t bytes)
{
    if (bytes <= b->charged)
        return true;
    if (!mola_budget_take(b->budget, bytes - b->charged))
        return false;
    mola_count(b->env->metrics, MOLA_M_http_body_bytes, (int64_t)(bytes - b->charged));
    b->charged = bytes;
    return true;
}

static void discharge(mola_body *b, uint64_t bytes)
{
    MOLA_ASSERT(bytes <= b->charged);
    mola_budget_give(b->budget, b->charged - bytes);
    mola_count(b->env->metrics, MOLA_M_http_body_bytes, (int64_t)bytes - (int64_t)b->charged);
    b->charged = bytes;
}

/* From the heap to the first mapping. */
static char *map_first(mola_body *b, size_t bytes)
{
    char *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    if (b->data) {
        memcpy(mapped, b->data, b->len);
        mola_free(b->env->heap, b->data, b->room + MOLA_BODY_PADDING);
    }
    return mapped;
}

static char *map_more(mola_body *b, size_t bytes)
{
    char *moved = mremap(b->data, b->room + MOLA_BODY_PADDING, bytes, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

bool mola_body_reserve(mola_body *body, uint64_t size)
{
    if (body->data && size <= body->room)
        return true;
    uint64_t charged_before = body->charged;
    if (size > SIZE_MAX - MOLA_BODY_PADDING || !charge(body, size))
        return false;
    size_t bytes = (size_t)size + MOLA_BODY_PADDING;
    char *moved;
    if (size < MAPPED_FROM) {
        moved = mola_realloc(body->env->heap, body->data,
                             body->data ? body->room + MOLA_BODY_PADDING : 0, bytes);
    } else if (body->data && body->room >= MAPPED_FROM) {
        moved = map_more(body, bytes);
    } else {
        moved = map_first(body, bytes);
    }
    if (!moved) {
        discharge(body, charged_before);
        return false;
    }
    body->data = moved;
    body->room = (size_t)size;
    return true;
}

bool mola_body_append(mola_body *body, mola_str bytes, uint64_t size_max)
{
    uint64_t wanted = (uint64_t)body->len + bytes.len;
    MOLA_ASSERT(wanted <= size_max);
    if (!body->data || wanted > body->room) {
        uint64_t room = body->room ? body->room * 2 : FIRST_ROOM;
        while (room < wanted)
            room *= 2;
        if (!mola_body_reserve(body, room < size_max ? room : size_max))
            return false;
    }
    memcpy(body->data + body->len, bytes.data, bytes.len);
    body->len += bytes.len;
    return true;
}

mola_str mola_body_finish(mola_body *body)
{
    static const char nothing[MOLA_BODY_PADDING];
    if (!body->data)
        return (mola_str){nothing, 0};
    MOLA_ASSERT(body->len <= body->room);
    memset(body->data + body->len, 0, MOLA_BODY_PADDING);
    discharge(body, body->len);
    return (mola_str){body->data, body->len};
}

void mola_body_free(mola_body *body)
{
    if (body->data && body->room >= MAPPED_FROM) {
        (void)munmap(body->data, body->room + MOLA_BODY_PADDING);
    } else if (body->data) {
        mola_free(body->env->heap, body->data, body->room + MOLA_BODY_PADDING);
    }
    discharge(body, 0);
    body->data = NULL;
    body->len = body->room = 0;
}
