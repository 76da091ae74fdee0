#include "page.h"
#include "mola/base/check.h"

void mola_page_init(mola_page *page, mola_arena *arena, mola_store_op *op)
{
    MOLA_ASSERT(op->verb == MOLA_LIST);
    bool asked = op->keys_max > 0 && op->keys_max < MOLA_LIST_KEYS_MAX;
    *page = (mola_page){
        .arena = arena, .op = op, .entries_max = asked ? op->keys_max : MOLA_LIST_KEYS_MAX};
}

/* The key as the page shows it: up to and with the first delimiter behind the prefix. */
static mola_str rolled_up(const mola_page *page, mola_str key, bool *is_prefix)
{
    size_t seen = page->op->key.len;
    *is_prefix = false;
    if (!page->op->delimiter || key.len <= seen)
        return key;
    const char *hit = memchr(key.data + seen, page->op->delimiter, key.len - seen);
    if (!hit)
        return key;
    *is_prefix = true;
    return (mola_str){key.data, (size_t)(hit - key.data) + 1};
}

static bool is_new(const mola_page *page, mola_str shown)
{
    const mola_store_op *op = page->op;
    if (mola_str_cmp(shown, op->start_after) <= 0)
        return false;
    return op->entry_count == 0 || !mola_str_eq(shown, op->entries[op->entry_count - 1].key);
}

bool mola_page_wants_key(const mola_page *page, mola_str key)
{
    bool is_prefix;
    return mola_str_starts(key, page->op->key) && is_new(page, rolled_up(page, key, &is_prefix));
}

bool mola_page_wants_stem(const mola_page *page, mola_str stem)
{
    const mola_store_op *op = page->op;
    if (!mola_str_starts(stem, op->key) && !mola_str_starts(op->key, stem))
        return false;
    bool is_prefix;
    mola_str shown = rolled_up(page, stem, &is_prefix);
    if (is_prefix)
        return is_new(page, shown); /* all of its keys show as this one entry */
    return mola_str_cmp(stem, op->start_after) >= 0 || mola_str_starts(op->start_after, stem);
}

static bool grow(mola_page *page)
{
    uint32_t room = page->room ? page->room * 2 : 16;
    if (room > page->entries_max)
        room = page->entries_max;
    mola_store_entry *entries = mola_new(page->arena, mola_store_entry, room);
    if (!entries)
        return false;
    if (page->op->entry_count)
        memcpy(entries, page->op->entries, page->op->entry_count * sizeof *entries);
    page->op->entries = entries;
    page->room = room;
    return true;
}

bool mola_page_add(mola_page *page, mola_str key, uint64_t size)
{
    mola_store_op *op = page->op;
    if (!mola_page_wants_key(page, key))
        return true;
    if (op->entry_count == page->entries_max) {
        op->truncated = true;
        return false;
    }
    mola_store_entry entry;
    mola_str shown = rolled_up(page, key, &entry.is_prefix);
    entry.size = entry.is_prefix ? 0 : size;
    MOLA_ASSERT(op->entry_count == 0 ||
                mola_str_cmp(op->entries[op->entry_count - 1].key, shown) < 0);
    if ((op->entry_count == page->room && !grow(page)) ||
        !mola_arena_copy(page->arena, shown, &entry.key)) {
        op->err = MOLA_NO_MEMORY;
        op->entry_count = 0;
        return false;
    }
    op->entries[op->entry_count++] = entry;
    return true;
}
