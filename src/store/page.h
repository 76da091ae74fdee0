/* page.h - one page of a LIST, filled from keys that are offered in rising order.
 *
 * The contract in one sentence: take all keys that start with the prefix, cut each behind the first
 * delimiter after the prefix, drop repeats and everything not above start_after, keep the first
 * keys_max. Threads: one. Memory: the entries are copied into the arena. */
#pragma once
#include "mola/store/store.h"

typedef struct {
    mola_arena *arena;
    mola_store_op *op; /* LIST; its results grow as keys are offered */
    uint32_t entries_max, room;
} mola_page;

void mola_page_init(mola_page *page, mola_arena *arena, mola_store_op *op);

/* Could this key become a new entry? */
bool mola_page_wants_key(const mola_page *page, mola_str key);
/* Could any key that starts with `stem` become a new entry? true may be wrong, false never is. */
bool mola_page_wants_stem(const mola_page *page, mola_str stem);

/* Offers the next key. false: the page is complete, or memory ran out (op->err says so). */
bool mola_page_add(mola_page *page, mola_str key, uint64_t size);
