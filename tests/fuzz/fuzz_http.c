/* fuzz_http.c - the parsers of request heads and of chunked bodies: whole against pieces, and
 * against a second opinion about framing that was found by the slowest and plainest means.
 *
 * Input: byte 0 picks head or chunks, byte 1 the size of the pieces it arrives in, the rest is the
 * stream. */
#include "fuzz.h"
#include "http/chunks.h"
#include "http/head.h"
#include <strings.h>

enum { BODY_ROOM = 1000 };

static bool is_inside(mola_str view, mola_str all)
{
    return !view.data || (view.data >= all.data && view.data + view.len <= all.data + all.len);
}

static bool begins(mola_str text, const char *word)
{
    return text.len > strlen(word) && strncasecmp(text.data, word, strlen(word)) == 0;
}

/* A head that was accepted, all of `in`. */
static void second_opinion(const mola_head *head, mola_str in)
{
    const mola_api_head *said = &head->api;
    unsigned hosts = 0, lengths = 0, codings = 0, keys = 0, lines = 0;
    FUZZ_CHECK(in.len >= 4 && memcmp(in.data + in.len - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        FUZZ_CHECK(c != 0);
        FUZZ_CHECK(c != '\n' || (i > 0 && in.data[i - 1] == '\r'));
        FUZZ_CHECK(c != '\r' || (i + 1 < in.len && in.data[i + 1] == '\n'));
        if (c != '\n' || i + 2 >= in.len)
            continue;
        mola_str line = mola_str_from(in, i + 1);
        lines++;
        FUZZ_CHECK(line.data[0] != ' ' && line.data[0] != '\t'); /* no folded line */
        hosts += begins(line, "host:");
        lengths += begins(line, "content-length:");
        codings += begins(line, "transfer-encoding:");
        keys += begins(line, "authorization:");
    }
    FUZZ_CHECK(in.len <= MOLA_HEAD_BYTES_MAX && lines <= MOLA_HEAD_LINES_MAX + 1);
    FUZZ_CHECK(head->is_http10 ? hosts <= 1 : hosts == 1);
    FUZZ_CHECK(lengths + codings <= 1 && keys <= 1);
    FUZZ_CHECK(said->has_length == (lengths == 1) && said->is_chunked == (codings == 1));
    FUZZ_CHECK(!head->is_http10 || (!said->is_chunked && !head->expects_continue));
    FUZZ_CHECK(said->content_length == 0 || said->has_length);
    FUZZ_CHECK((said->authorization.data != NULL) == (keys == 1));
    FUZZ_CHECK(said->path.len && (said->path.data[0] == '/' || said->path.data[0] == '*'));
    FUZZ_CHECK(!memchr(said->path.data, '?', said->path.len));
    FUZZ_CHECK(!memchr(said->target.data, ' ', said->target.len));
    const mola_str views[] = {said->method,
                              said->target,
                              said->path,
                              said->query,
                              said->host,
                              said->authorization,
                              said->prefer,
                              said->accept_encoding,
                              said->content_encoding,
                              said->request_id};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        FUZZ_CHECK(is_inside(views[i], in) && views[i].len <= MOLA_HEAD_FIELD_MAX);
}

static void try_head(mola_str in, size_t piece)
{
    mola_head_scan whole = {0}, pieces = {0};
    int status = mola_head_scan_on(&whole, in), again = MOLA_SCAN_MORE;
    for (size_t end = 0; again == MOLA_SCAN_MORE && end < in.len;) {
        end = in.len - end < piece ? in.len : end + piece;
        again = mola_head_scan_on(&pieces, (mola_str){in.data, end});
    }
    FUZZ_CHECK(status == again && whole.at == pieces.at);
    if (status != MOLA_SCAN_DONE)
        return;
    mola_head head;
    mola_str bytes = {in.data, whole.at};
    status = mola_head_parse(&head, bytes);
    FUZZ_CHECK(head.why && (status == 0 || (status >= 400 && status < 600 && *head.why)));
    if (status)
        return;
    second_opinion(&head, bytes);
    char *copy = fuzz_copy((const uint8_t *)bytes.data, bytes.len, 0, 0);
    mola_head_move(&head.api, bytes.data, copy);
    second_opinion(&head, (mola_str){copy, bytes.len});
    free(copy);
}

static mola_chunks decode(mola_str in, size_t piece, char *out, size_t *len, size_t *used)
{
    mola_chunks chunks = {.room = BODY_ROOM};
    *len = *used = 0;
    while (*used < in.len && chunks.state != MOLA_CHUNKS_DONE && !chunks.status) {
        mola_str data, part = mola_str_from(in, *used);
        if (part.len > piece)
            part.len = piece;
        size_t step = mola_chunks_next(&chunks, part, &data);
        FUZZ_CHECK(step > 0 && step <= part.len && is_inside(data, part));
        if (data.len)
            memcpy(out + *len, data.data, data.len);
        *len += data.len;
        *used += step;
    }
    return chunks;
}

static void try_chunks(mola_str in, size_t piece)
{
    char *a = malloc(in.len + 1), *b = malloc(in.len + 1);
    FUZZ_CHECK(a != NULL && b != NULL);
    size_t a_len, b_len, a_used, b_used;
    mola_chunks x = decode(in, SIZE_MAX, a, &a_len, &a_used);
    mola_chunks y = decode(in, piece, b, &b_len, &b_used);
    FUZZ_CHECK(x.state == y.state && x.status == y.status && a_used == b_used);
    FUZZ_CHECK(a_len == b_len && memcmp(a, b, a_len) == 0);
    FUZZ_CHECK(a_len <= BODY_ROOM && a_len + x.room == BODY_ROOM);
    if (x.state == MOLA_CHUNKS_DONE)
        FUZZ_CHECK(!x.status && a_used >= 5 && memcmp(in.data + a_used - 2, "\r\n", 2) == 0);
    free(a);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    char *exact = fuzz_copy(data + 2, size - 2, 0, 0);
    size_t piece = 1u + data[1] % 61;
    if (data[0] & 1)
        try_head((mola_str){exact, size - 2}, piece);
    else
        try_chunks((mola_str){exact, size - 2}, piece);
    free(exact);
    return 0;
}
