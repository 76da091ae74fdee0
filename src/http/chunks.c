#include "http/chunks.h"

/* 60 bits: anything longer is beyond every limit, and `left` cannot overflow. */
enum { DIGITS_MAX = 15 };

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool is_token_byte(unsigned char c)
{
    if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* All the steps return 0 or a status. */
static int expect_byte(mola_chunks *k, unsigned char c, char wanted, mola_chunk_state next)
{
    if (c != (unsigned char)wanted)
        return 400;
    k->state = next;
    return 0;
}

static int step_size(mola_chunks *k, unsigned char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (++k->digits > DIGITS_MAX)
            return 413;
        k->left = k->left * 16 + (uint64_t)digit;
        return 0;
    }
    if (k->digits == 0)
        return 400;
    if (k->left > k->room)
        return 413;
    return c == ';' ? expect_byte(k, c, ';', MOLA_CHUNK_EXTENSION)
                    : expect_byte(k, c, '\r', MOLA_CHUNK_SIZE_LF);
}

static int step(mola_chunks *k, unsigned char c)
{
    bool is_visible = (c >= 0x20 && c < 0x7f) || c == '\t';
    bool is_extra = k->state == MOLA_CHUNK_EXTENSION || k->state >= MOLA_TRAILER_LINE;
    if (is_extra && ++k->extra > MOLA_CHUNKS_EXTRA_MAX)
        return 400;
    switch (k->state) {
    case MOLA_CHUNK_SIZE:
        return step_size(k, c);
    case MOLA_CHUNK_EXTENSION:
        return is_visible ? 0 : expect_byte(k, c, '\r', MOLA_CHUNK_SIZE_LF);
    case MOLA_CHUNK_SIZE_LF:
        k->digits = 0;
        return expect_byte(k, c, '\n', k->left ? MOLA_CHUNK_DATA : MOLA_TRAILER_LINE);
    case MOLA_CHUNK_DATA_CR:
        return expect_byte(k, c, '\r', MOLA_CHUNK_DATA_LF);
    case MOLA_CHUNK_DATA_LF:
        return expect_byte(k, c, '\n', MOLA_CHUNK_SIZE);
    case MOLA_TRAILER_LINE:
        if (!is_token_byte(c))
            return expect_byte(k, c, '\r', MOLA_CHUNKS_LF);
        k->state = MOLA_TRAILER_NAME;
        return 0;
    case MOLA_TRAILER_NAME:
        return is_token_byte(c) ? 0 : expect_byte(k, c, ':', MOLA_TRAILER_VALUE);
    case MOLA_TRAILER_VALUE:
        return is_visible || c >= 0x80 ? 0 : expect_byte(k, c, '\r', MOLA_TRAILER_LF);
    case MOLA_TRAILER_LF:
        return expect_byte(k, c, '\n', MOLA_TRAILER_LINE);
    case MOLA_CHUNKS_LF:
        return expect_byte(k, c, '\n', MOLA_CHUNKS_DONE);
    case MOLA_CHUNK_DATA:
    case MOLA_CHUNKS_DONE:
        break;
    }
    return 400;
}

size_t mola_chunks_next(mola_chunks *chunks, mola_str in, mola_str *data)
{
    size_t at = 0;
    *data = (mola_str){0};
    while (at < in.len && chunks->state != MOLA_CHUNKS_DONE && !chunks->status) {
        if (chunks->state == MOLA_CHUNK_DATA) {
            size_t here = in.len - at;
            *data = (mola_str){in.data + at, here < chunks->left ? here : (size_t)chunks->left};
            chunks->left -= data->len;
            chunks->room -= data->len;
            if (chunks->left == 0)
                chunks->state = MOLA_CHUNK_DATA_CR;
            return at + data->len;
        }
        chunks->status = step(chunks, (unsigned char)in.data[at++]);
    }
    return at;
}

const char *mola_chunks_why(int status)
{
    return status == 413 ? "body is larger than this route takes" : "malformed chunked body";
}
