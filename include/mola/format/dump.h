/* dump.h - any object in words, for people: `mola dump KEY`. What it is follows from its key.
 * Values of documents are not shown, only how many there are. The text is no interface: it may
 * change. */
#pragma once
#include "mola/base/buf.h"

/* Appends lines of text about `bytes`, which stand (or stood) at `key`. MOLA_INVALID with words:
 * not a key of ours, or a newer mola is needed; MOLA_CORRUPT with words: what decoders say;
 * MOLA_NO_MEMORY. Then `out` has what was written before the error. */
mola_err mola_dump_image(mola_heap *heap, mola_str org, mola_str key, mola_str bytes, mola_buf *out,
                         mola_why *why) MOLA_NODISCARD;
