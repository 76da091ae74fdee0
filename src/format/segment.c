/* segment.c - finding one's way in a segment: which layout, which page. */
#include "mola/format/segment.h"
#include "mola/base/check.h"

mola_segment_layout mola_segment_layout_of(const mola_attr *attr)
{
    if (attr->type.form == MOLA_FORM_DENSE)
        return MOLA_AS_VECTORS;
    if (attr->type.form == MOLA_FORM_MULTI || attr->type.form == MOLA_FORM_SPARSE)
        return MOLA_AS_PAGES;
    return attr->filterable || attr->regex || attr->glob || attr->fuzzy ? MOLA_AS_PAGES
                                                                        : MOLA_AS_DOCUMENTS;
}

const mola_segment_attr *mola_segment_find(const mola_segment_head *head, uint32_t attr)
{
    uint32_t low = 0, high = head->attr_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (head->attrs[middle].attr < attr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < head->attr_count && head->attrs[low].attr == attr ? &head->attrs[low] : NULL;
}

uint32_t mola_segment_page_of(const mola_segment_attr *attr, uint32_t row)
{
    MOLA_ASSERT(attr->page_count > 0);
    uint32_t low = 0, high = attr->page_count; /* pages[low] begins at or before the row */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (attr->pages[middle].row_first <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t mola_segment_page_rows(const mola_segment_head *head, const mola_segment_attr *attr,
                                uint32_t page)
{
    MOLA_ASSERT(page < attr->page_count);
    uint32_t until = page + 1 < attr->page_count ? attr->pages[page + 1].row_first : head->rows;
    return until - attr->pages[page].row_first;
}
