/* table.h - the next manifest, from the one that stands there: segments, delete vectors, what they
 * leave behind, and where new objects get their place. */
#pragma once
#include "index/segment_sink.h"

/* A copy of `now` with ver + 1, in the arena, and room for so many more rows. The state stays
 * borrowed. */
typedef struct {
    uint32_t segments, retired, inlines;
} mola_table_room;
mola_err mola_table_copy(const mola_manifest *now, mola_table_room more, mola_arena *arena,
                         mola_manifest *next) MOLA_NODISCARD;

/* I9, what holds for every publication: the incarnation lives, and the collector has not come as
 * far as what was built from version `base`. MOLA_NOT_FOUND; MOLA_CONFLICT with words. */
mola_err mola_table_fits(const mola_manifest *now, const uint8_t nsid[16], uint64_t base,
                         mola_why *why) MOLA_NODISCARD;

bool mola_table_same_segments(const mola_manifest *a, const mola_manifest *b);
bool mola_same_segment(const mola_segment_ref *a, const mola_segment_ref *b);
/* Its objects stand in the manifest. */
bool mola_table_is_inline(const mola_manifest *m, const uint8_t owner[16], uint64_t base,
                          uint64_t rand);
/* What stands inline of it leaves; what has keys is retired (I7). For the objects of segment row
 * `ref`, and for its delete vector; a row without them has nothing to leave. */
void mola_table_retire_segment(mola_manifest *next, const mola_segment_ref *ref, uint32_t rows,
                               uint64_t now_us);
void mola_table_retire_deletes(mola_manifest *next, const mola_segment_ref *ref, uint64_t now_us);
/* Segments [first, first + count) become the one given. */
void mola_table_replace(mola_manifest *next, uint32_t first, uint32_t count,
                        const mola_segment_ref *ref, const mola_segment_info *info);

/* Where the new objects that `next` refers to stand: in it, when the namespace is tiny and nothing
 * has keys of its own, else in the store. There is room for them; their bytes stay borrowed. */
mola_err mola_table_place(mola_manifest *next, mola_new_objects *const *sets, uint32_t set_count,
                          uint64_t inline_bytes_max) MOLA_NODISCARD;

/* Which part of a view stands for segment `ref`; MOLA_NOWHERE: none, no row of it lives. */
uint32_t mola_table_part(const mola_view *view, const mola_segment_ref *ref);
