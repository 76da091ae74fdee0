/* err.h - what a call reports. The only error type in the tree.
 *
 * A function that can fail returns mola_err. MOLA_OK is zero, so `if (err)` reads naturally.
 * The code says what the CALLER can do about it; the words are for people and live in a mola_why.
 * Programmer errors are not mola_err: they are MOLA_ASSERT. */
#pragma once
#include "mola/base/str.h"
#include <stdint.h>

typedef enum {
    MOLA_OK = 0,
    MOLA_NOT_FOUND,   /* definite: the thing is not there                  -> 404 */
    MOLA_SHAPE,       /* definite: the JSON does not fit the expected form -> 422 */
    MOLA_INVALID,     /* definite: the form is right, the meaning is not   -> 400 */
    MOLA_CONFLICT,    /* definite: someone else's commit came first        -> retry on new state */
    MOLA_UNAVAILABLE, /* definite: nothing happened, try later             -> 503 */
    MOLA_BUSY,        /* definite: too much at once for one namespace      -> 429 */
    MOLA_UNKNOWN,     /* the effect may or may not have happened           -> 503, never clean up */
    MOLA_CORRUPT,     /* bytes do not match their checksum                 -> 500 */
    MOLA_NO_MEMORY,   /* over a budget                                     -> 503 */
} mola_err;

#define MOLA_NODISCARD __attribute__((warn_unused_result))
const char *mola_err_name(mola_err err);

/* The words that go with a mola_err: for the client's error body or the log. Fixed room, no
 * allocation; what does not fit is cut. The first words win: an outer caller does not overwrite the
 * more precise text of an inner one. */
enum { MOLA_WHY_BYTES = 1024 };
typedef struct {
    char text[MOLA_WHY_BYTES];
    uint32_t len;
    char attribute[132]; /* the `attribute` member of an error body; empty: none */
    uint32_t attribute_len;
    uint32_t retry_after_s; /* of a 429 or 503: what its cause asks for; 0: the usual */
} mola_why;

/* Stores the words (unless there are some, or why is NULL) and returns `err`:
 *     return mola_fail(why, MOLA_INVALID, "top_k must be between 1 and %d", 10000); */
mola_err mola_fail(mola_why *why, mola_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
mola_str mola_why_text(const mola_why *why);
void mola_why_clear(mola_why *why);
