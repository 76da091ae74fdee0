/* first.h - the first documents of a set by the order of ids: the same ones on every node. */
#pragma once
#include "mola/scan/rowset.h"

/* Leaves `most` rows, fewer than there are, of a set. Millions may stay and millions go: what is
 * held in memory meanwhile does not grow with them, unless their ids are texts that begin alike.
 * Errors of mola_scan_windows. */
mola_err mola_write_keep_first(mola_ctx *ctx, mola_rowset *rows, uint64_t most) MOLA_NODISCARD;
