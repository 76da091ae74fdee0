#include "namespace/pages.h"
#include "mola/base/check.h"

void mola_pages_init(mola_pages *pages, mola_env *env)
{
    mola_lock_init(&pages->lock, env, MOLA_RANK_CACHE);
    mola_event_init(&pages->made, env);
}

void mola_pages_free(mola_pages *pages)
{
    MOLA_ASSERT(!pages->oldest && pages->bytes == 0);
    mola_event_free(&pages->made);
    mola_lock_free(&pages->lock);
}

mola_cached_page *mola_cached_page_new(mola_heap *heap, uint32_t column_count, size_t block_size)
{
    size_t size = sizeof(mola_cached_page) + column_count * sizeof(mola_cached_column);
    mola_cached_page *page = mola_alloc(heap, size);
    if (!page)
        return NULL;
    page->heap = heap;
    page->size = size;
    page->column_count = column_count;
    page->block_size = block_size;
    page->block = block_size ? mola_realloc(heap, NULL, 0, block_size) : NULL;
    if (block_size && !page->block) {
        mola_free(heap, page, size);
        return NULL;
    }
    return page;
}

void mola_cached_page_discard(mola_cached_page *page)
{
    for (uint32_t i = 0; i < page->column_count; i++) {
        if (page->columns[i].builder.heap)
            mola_column_builder_free(&page->columns[i].builder);
    }
    if (page->block)
        mola_free(page->heap, page->block, page->block_size);
    mola_free(page->heap, page, page->size);
}

static size_t bytes_of(const mola_cached_page *page)
{
    size_t bytes = page->size + page->block_size;
    for (uint32_t i = 0; i < page->column_count; i++) {
        const mola_column_builder *b = &page->columns[i].builder;
        bytes +=
            b->present.room + b->row_from.room + b->byte_from.room + b->data.room + b->weights.room;
    }
    return bytes;
}

/* ------------------------------------------------------------------ order of use */
static void unlink_page(mola_pages *pages, mola_cached_page *page)
{
    *(page->newer ? &page->newer->older : &pages->newest) = page->older;
    *(page->older ? &page->older->newer : &pages->oldest) = page->newer;
    page->newer = page->older = NULL;
}

static void link_newest(mola_pages *pages, mola_cached_page *page)
{
    page->newer = NULL;
    page->older = pages->newest;
    *(pages->newest ? &pages->newest->newer : &pages->oldest) = page;
    pages->newest = page;
}

static mola_cached_page *pin(mola_pages *pages, mola_cached_page **slot)
{
    mola_cached_page *page = *slot;
    if (page && page->pins++ == 0)
        unlink_page(pages, page);
    return page;
}

mola_cached_page *mola_pages_pin(mola_pages *pages, mola_cached_page **slot)
{
    MOLA_LOCKED(&pages->lock);
    return pin(pages, slot);
}

mola_cached_page *mola_pages_claim(mola_pages *pages, mola_cached_page **slot, bool *claim,
                                   bool *ours)
{
    MOLA_LOCKED(&pages->lock);
    mola_cached_page *page = pin(pages, slot);
    *ours = !page && !*claim;
    if (*ours)
        *claim = true;
    return page;
}

void mola_pages_unclaim(mola_pages *pages, bool *claim)
{
    MOLA_LOCKED(&pages->lock);
    MOLA_ASSERT(*claim);
    *claim = false;
    mola_event_wake_all(&pages->made);
}

bool mola_pages_await(mola_pages *pages, const bool *claim, uint64_t deadline_ns)
{
    MOLA_LOCKED(&pages->lock);
    bool in_time = true;
    while (*claim && in_time)
        in_time = mola_event_wait(&pages->made, &pages->lock, deadline_ns);
    return in_time;
}

mola_cached_page *mola_pages_add(mola_pages *pages, mola_cached_page **slot, mola_cached_page *page)
{
    mola_cached_page *other = mola_pages_pin(pages, slot);
    if (!other) {
        page->bytes = bytes_of(page);
        MOLA_LOCKED(&pages->lock);
        if (!*slot) {
            page->slot = slot;
            page->pins = 1;
            pages->bytes += page->bytes;
            *slot = page;
            return page;
        }
        other = *slot;
        if (other->pins++ == 0)
            unlink_page(pages, other);
    }
    mola_cached_page_discard(page);
    return other;
}

void mola_pages_unpin(mola_pages *pages, mola_cached_page *page)
{
    MOLA_LOCKED(&pages->lock);
    MOLA_ASSERT(page->pins > 0);
    if (--page->pins == 0)
        link_newest(pages, page);
}

/* Takes the page out of its slot; the caller discards it without the lock. */
static void take_out(mola_pages *pages, mola_cached_page *page)
{
    unlink_page(pages, page);
    *page->slot = NULL;
    pages->bytes -= page->bytes;
}

static void discard_all(mola_cached_page *page)
{
    for (mola_cached_page *next; page; page = next) {
        next = page->older;
        mola_cached_page_discard(page);
    }
}

bool mola_pages_evict(mola_pages *pages, size_t bytes)
{
    mola_cached_page *gone = NULL;
    size_t freed = 0;
    mola_lock_take(&pages->lock);
    while (freed < bytes && pages->oldest) {
        mola_cached_page *page = pages->oldest;
        take_out(pages, page);
        freed += page->bytes;
        page->older = gone;
        gone = page;
    }
    mola_lock_give(&pages->lock);
    discard_all(gone);
    return gone != NULL;
}

void mola_pages_drop(mola_pages *pages, mola_cached_page **slots, size_t count)
{
    mola_cached_page *gone = NULL;
    mola_lock_take(&pages->lock);
    for (size_t i = 0; i < count; i++) {
        mola_cached_page *page = slots[i];
        if (!page)
            continue;
        MOLA_ASSERT(page->pins == 0); /* a request gives its pins back before its view */
        take_out(pages, page);
        page->older = gone;
        gone = page;
    }
    mola_lock_give(&pages->lock);
    discard_all(gone);
}

/* ------------------------------------------------------------------ pins of a request */
static mola_pin *add_pin(mola_ctx *ctx)
{
    mola_pin *pin = mola_new(ctx->arena, mola_pin, 1);
    if (!pin)
        return NULL;
    pin->next = ctx->pins;
    ctx->pins = pin;
    return pin;
}

bool mola_pin_page(mola_ctx *ctx, mola_pages *pages, mola_cached_page *page)
{
    mola_pin *pin = add_pin(ctx);
    if (!pin) {
        mola_pages_unpin(pages, page);
        return false;
    }
    pin->pages = pages;
    pin->page = page;
    return true;
}

mola_column_builder *mola_pin_builder(mola_ctx *ctx, mola_heap *heap, mola_type type)
{
    mola_pin *pin = add_pin(ctx);
    if (!pin)
        return NULL;
    mola_column_builder_init(&pin->gathered, heap, type);
    return &pin->gathered;
}

void mola_view_release(mola_ctx *ctx, mola_pin *mark)
{
    while (ctx->pins != mark) {
        mola_pin *pin = ctx->pins;
        MOLA_ASSERT(pin != NULL);
        ctx->pins = pin->next;
        if (pin->page) {
            mola_pages_unpin(pin->pages, pin->page);
        } else {
            mola_column_builder_free(&pin->gathered);
        }
    }
}
