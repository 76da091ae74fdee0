/* column_check.h - does a column hold what column.h promises? For what comes from images. */
#pragma once
#include "mola/model/rows.h"

/* Offsets must be rising from row to row already (then nothing here reads beyond the data). */
bool mola_column_ok(const mola_column *c);
/* Also the bits of `given`, and that they agree with the ops. */
bool mola_row_column_ok(const mola_row_column *c, const uint8_t *ops);
/* Ids: all present, of an id type, strings of at most 64 bytes. */
bool mola_ids_ok(const mola_column *ids);
