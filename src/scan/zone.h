/* zone.h - what zones (format/segment.h) say about a filter before any value was read.
 *
 * A zone may be wider than the values of live rows: it says what cannot be, never what is. So
 * ALWAYS and NEVER hold for every row of the window, and anything doubtful is MIXED: prefixes of
 * strings and uuids that are equal, elements of arrays, whose rows may be empty, numbers that are
 * not numbers. */
#pragma once
#include "scan/filter_program.h"
#include "scan/scan.h"

typedef enum { MOLA_MATCH_MIXED, MOLA_MATCH_NEVER, MOLA_MATCH_ALWAYS } mola_match;

/* Which rows of a window match a leaf, by the zone of its attribute. */
mola_match mola_leaf_in_zone(const mola_filter *leaf, const mola_zone *zone);
/* The same by the zones that the span knows. */
mola_match mola_leaf_decided(const mola_filter *leaf, const mola_span *span);
/* About which share of the rows of a window match a leaf that its zone (NULL: not known) leaves
 * open: values are taken as spread evenly between the bounds, texts as a guess. For people, not for
 * decisions. */
double mola_leaf_share(const mola_filter *leaf, const mola_zone *zone);
mola_match mola_filter_decided(const mola_filter *filter, const mola_span *span);
