/* head.h - what a request head says, or why it is refused (RFC 9112, read strictly).
 *
 * Pure functions over bytes, so that tests, fuzzing and the server run the same code. Where the RFC
 * lets a server be lenient about framing we are not: each leniency is a smuggling path behind some
 * proxy.
 *
 * Shapes: statuses are HTTP statuses; 0 is fine. Views point into the head's bytes. */
#pragma once
#include "mola/api/api.h"

enum {
    MOLA_HEAD_BYTES_MAX = 64 << 10,
    MOLA_HEAD_LINES_MAX = 100,      /* header lines, the request line not counted */
    MOLA_HEAD_TARGET_MAX = 8 << 10, /* bytes of the request target */
    MOLA_HEAD_METHOD_MAX = 16,
    MOLA_HEAD_FIELD_MAX =
        16 << 10, /* one line of a field that the server reads; others only add up */
};
_Static_assert(MOLA_HEAD_TARGET_MAX < MOLA_HEAD_FIELD_MAX &&
                   MOLA_HEAD_FIELD_MAX < MOLA_HEAD_BYTES_MAX,
               "a target and a field fit into a head");

/* How far a partial head has been looked at, so that a head that dribbles in costs O(n). */
typedef struct {
    uint32_t at; /* bytes looked at; the size of the head when done */
    uint32_t line_from, lines;
    bool is_after_cr;
} mola_head_scan;
enum { MOLA_SCAN_MORE = 0, MOLA_SCAN_DONE = 1 }; /* anything else is the status to refuse with */

/* Looks for the empty line; `in` is the head so far, from its first byte. Refuses at the first byte
 * that no head can contain: bare CR, bare LF, NUL and other controls. */
int mola_head_scan_on(mola_head_scan *scan, mola_str in);
/* The words for a status of mola_head_scan_on. */
const char *mola_head_scan_why(int status);

typedef struct {
    mola_api_head api;
    bool is_http10, wants_close, wants_keep_alive, expects_continue;
    const char *why; /* set with every refusal */
} mola_head;

/* Reads a complete head with its empty line, already scanned. A refusal leaves in `head` what was
 * read before it. */
int mola_head_parse(mola_head *head, mola_str in);
/* Makes the views of `head` point into a copy of its bytes at `to`. */
void mola_head_move(mola_api_head *head, const char *from, const char *to);
