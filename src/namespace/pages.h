/* pages.h - the RAM cache: decoded pieces of segments, within the budget of views.
 *
 * A page belongs to a slot of its segment. While a request has it pinned it stays; when nobody has,
 * it waits in order of use until its memory is wanted. All immutable once it is in its slot.
 *
 * Threads: any; the lock of mola_pages guards slots, pins and the order of use. */
#pragma once
#include "mola/model/column.h"
#include "mola/namespace/view.h"

typedef struct {
    mola_column column;          /* rows 0: no row has a value */
    mola_column_builder builder; /* what it stands in, unless that is the block */
} mola_cached_column;

typedef struct mola_cached_page mola_cached_page;
struct mola_cached_page {
    mola_cached_page *newer, *older; /* while nobody has it pinned */
    mola_cached_page **slot;
    uint32_t pins;
    mola_heap *heap;
    size_t size;  /* of this block */
    size_t bytes; /* of everything */
    void *block;  /* vectors, words of a Bloom filter, a hash page */
    size_t block_size;
    uint32_t column_count;
    mola_cached_column columns[];
};

typedef struct {
    mola_lock lock;
    mola_cached_page *newest, *oldest;
    uint64_t bytes;  /* of all pages */
    mola_event made; /* a claim was given up */
} mola_pages;

void mola_pages_init(mola_pages *pages, mola_env *env);
void mola_pages_free(mola_pages *pages); /* it is empty */

/* A page that is being filled; nobody else sees it. NULL: no memory. */
mola_cached_page *mola_cached_page_new(mola_heap *heap, uint32_t column_count, size_t block_size);
void mola_cached_page_discard(mola_cached_page *page);

/* The page in the slot, pinned; NULL: none. */
mola_cached_page *mola_pages_pin(mola_pages *pages, mola_cached_page **slot);
/* Puts a page into its slot, pinned. When another thread was faster, its page is the result. */
mola_cached_page *mola_pages_add(mola_pages *pages, mola_cached_page **slot,
                                 mola_cached_page *page);
/* For pages that take long to make, so that one thread does it while others wait or make the next
 * ones: the page, pinned; or NULL, and *claim (of the slot) is the caller's, who makes the page,
 * adds it, and gives the claim up; or NULL, and another one has it. */
mola_cached_page *mola_pages_claim(mola_pages *pages, mola_cached_page **slot, bool *claim,
                                   bool *ours);
void mola_pages_unclaim(mola_pages *pages, bool *claim);
/* Waits until the claim is given up. false: the deadline has passed before. */
bool mola_pages_await(mola_pages *pages, const bool *claim, uint64_t deadline_ns);
void mola_pages_unpin(mola_pages *pages, mola_cached_page *page);
/* Drops pages that nobody has pinned, the longest unused first, until `bytes` are free. false:
 * there was none. */
bool mola_pages_evict(mola_pages *pages, size_t bytes);
/* Drops what stands in these slots: the segment is closed, nothing of it is pinned. */
void mola_pages_drop(mola_pages *pages, mola_cached_page **slots, size_t count);

/* ---- pins of a request */

struct mola_pin {
    mola_pin *next; /* pinned before it */
    mola_pages *pages;
    mola_cached_page *page; /* NULL: a column that was gathered */
    mola_column_builder gathered;
};
/* Hands a pinned page to the request. false: no memory, and it is not pinned any more. */
bool mola_pin_page(mola_ctx *ctx, mola_pages *pages, mola_cached_page *page);
/* A builder that lives as long as the request's pins. NULL: no memory. */
mola_column_builder *mola_pin_builder(mola_ctx *ctx, mola_heap *heap, mola_type type);
