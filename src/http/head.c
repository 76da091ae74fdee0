#include "http/head.h"
#include <strings.h>

int mola_head_scan_on(mola_head_scan *scan, mola_str in)
{
    for (; scan->at < in.len; scan->at++) {
        unsigned char c = (unsigned char)in.data[scan->at];
        if (scan->at >= MOLA_HEAD_BYTES_MAX)
            return 431;
        if (scan->is_after_cr) {
            if (c != '\n')
                return 400;
            uint32_t size = scan->at - 1 - scan->line_from;
            scan->is_after_cr = false;
            scan->line_from = scan->at + 1;
            if (size == 0) {
                scan->at++;
                return MOLA_SCAN_DONE;
            }
            if (++scan->lines > MOLA_HEAD_LINES_MAX + 1)
                return 431;
        } else if (c == '\r') {
            scan->is_after_cr = true;
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return 400;
        } else if (scan->lines == 0 &&
                   scan->at > MOLA_HEAD_TARGET_MAX + MOLA_HEAD_METHOD_MAX + 10) {
            return 414;
        }
    }
    return MOLA_SCAN_MORE;
}

const char *mola_head_scan_why(int status)
{
    switch (status) {
    case 431:
        return "request head is larger than 64 KiB or 100 lines";
    case 414:
        return "request target is longer than 8192 bytes";
    default:
        return "control byte in the request head";
    }
}

/* ---- words ---- */

static int refuse(mola_head *h, int status, const char *why)
{
    h->why = why;
    return status;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(unsigned char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_hex(unsigned char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_one_of(unsigned char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static bool is_token(mola_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!is_alnum(c) && !is_one_of(c, "!#$%&'*+-.^_`|~"))
            return false;
    }
    return text.len > 0;
}

static bool same_word(mola_str a, mola_str b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

static mola_str trim(mola_str text)
{
    while (text.len && is_one_of((unsigned char)text.data[0], " \t"))
        text = mola_str_from(text, 1);
    while (text.len && is_one_of((unsigned char)text.data[text.len - 1], " \t"))
        text.len--;
    return text;
}

/* Cuts `rest` at the first `mark`; the part before it goes to `before`. false: there is none. */
static bool cut(mola_str *rest, char mark, mola_str *before)
{
    const char *at = rest->len ? memchr(rest->data, mark, rest->len) : NULL;
    if (!at)
        return false;
    *before = (mola_str){rest->data, (size_t)(at - rest->data)};
    *rest = mola_str_from(*rest, before->len + 1);
    return true;
}

/* ---- the request line ---- */

static bool target_is_clean(mola_str target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c >= 0x7f || is_one_of(c, "\"#<>\\^`{|}"))
            return false;
        if (c == '%' && (target.len - i < 3 || !is_hex((unsigned char)target.data[i + 1]) ||
                         !is_hex((unsigned char)target.data[i + 2])))
            return false;
    }
    return true;
}

static int read_request_line(mola_head *h, mola_str line)
{
    mola_str version = line;
    if (!cut(&version, ' ', &h->api.method) || !cut(&version, ' ', &h->api.target))
        return refuse(h, 400, "request line is not METHOD target HTTP/1.1");
    if (!is_token(h->api.method))
        return refuse(h, 400, "method is not a token");
    if (version.len != 8 || !mola_str_starts(version, MOLA_STR("HTTP/")) ||
        version.data[6] != '.' || !is_digit((unsigned char)version.data[5]) ||
        !is_digit((unsigned char)version.data[7]))
        return refuse(h, 400, "malformed HTTP version");
    if (version.data[5] != '1' || version.data[7] > '1')
        return refuse(h, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    h->is_http10 = version.data[7] == '0';
    if (h->api.method.len > MOLA_HEAD_METHOD_MAX)
        return refuse(h, 501, "unknown method");
    if (h->api.target.len == 0)
        return refuse(h, 400, "empty request target");
    if (h->api.target.len > MOLA_HEAD_TARGET_MAX)
        return refuse(h, 414, "request target is longer than 8192 bytes");
    if (!target_is_clean(h->api.target))
        return refuse(h, 400, "request target has a byte that must be percent-encoded");
    return 0;
}

/* Splits the target into path and query. The absolute form must be accepted (RFC 9112, 3.2.2); it
 * has to name the Host it is sent to, or two servers could each believe a different one. */
static int split_target(mola_head *h)
{
    mola_str target = h->api.target;
    if (mola_str_eq(target, MOLA_STR("*"))) {
        if (!mola_str_eq(h->api.method, MOLA_STR("OPTIONS")))
            return refuse(h, 400, "only OPTIONS takes *");
    } else if (target.data[0] != '/') {
        bool plain = target.len > 7 && strncasecmp(target.data, "http://", 7) == 0;
        bool secure = target.len > 8 && strncasecmp(target.data, "https://", 8) == 0;
        if (!plain && !secure)
            return refuse(h, 400, "request target must be a path");
        target = mola_str_from(target, plain ? 7 : 8);
        const char *slash = memchr(target.data, '/', target.len);
        if (!slash)
            return refuse(h, 400, "request target without a path");
        mola_str authority = {target.data, (size_t)(slash - target.data)};
        if (authority.len == 0 || !h->api.host.data || !same_word(authority, h->api.host))
            return refuse(h, 400, "request target and Host name different servers");
        target = mola_str_from(target, authority.len);
    }
    if (cut(&target, '?', &h->api.path)) {
        h->api.query = target;
    } else {
        h->api.path = target;
    }
    return 0;
}

/* ---- fields that the server reads ---- */

static int read_once(mola_head *h, mola_str *into, mola_str value, const char *why)
{
    if (into->data)
        return refuse(h, 400, why);
    *into = value;
    return 0;
}

/* Fields that decide nothing about framing or rights: of several lines the first counts. */
static int read_first(mola_str *into, mola_str value)
{
    if (!into->data)
        *into = value;
    return 0;
}

static int read_host(mola_head *h, mola_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (!is_alnum(c) && !is_one_of(c, "-._~!$&'()*+,;=:[]%"))
            return refuse(h, 400, "malformed Host");
    }
    return read_once(h, &h->api.host, value, "more than one Host");
}

static int read_length(mola_head *h, mola_str value)
{
    if (h->api.has_length)
        return refuse(h, 400, "more than one Content-Length");
    if (value.len == 0)
        return refuse(h, 400, "empty Content-Length");
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit((unsigned char)value.data[i]))
            return refuse(h, 400, "Content-Length is not a plain number");
        if (h->api.content_length > (UINT64_MAX - 9) / 10)
            return refuse(h, 413, "Content-Length is beyond any limit");
        h->api.content_length = h->api.content_length * 10 + (uint64_t)(value.data[i] - '0');
    }
    h->api.has_length = true;
    return 0;
}

static int read_transfer_encoding(mola_head *h, mola_str value)
{
    if (h->api.is_chunked)
        return refuse(h, 400, "more than one Transfer-Encoding");
    h->api.is_chunked = true;
    if (same_word(value, MOLA_STR("chunked")))
        return 0;
    for (size_t i = 0; i + 7 <= value.len; i++) {
        if (same_word((mola_str){value.data + i, 7}, MOLA_STR("chunked")))
            return refuse(h, 400, "Transfer-Encoding must be exactly: chunked");
    }
    return refuse(h, value.len ? 501 : 400, "the only Transfer-Encoding is chunked");
}

static int read_connection(mola_head *h, mola_str value)
{
    while (value.len) {
        mola_str item = trim(mola_str_cut(&value, ','));
        h->wants_close |= same_word(item, MOLA_STR("close"));
        h->wants_keep_alive |= same_word(item, MOLA_STR("keep-alive"));
    }
    return 0;
}

static int read_expect(mola_head *h, mola_str value)
{
    if (same_word(value, MOLA_STR("100-continue"))) {
        h->expects_continue = true;
    } else {
        h->api.expects_other = true;
    }
    return 0;
}

static int read_authorization(mola_head *h, mola_str value)
{
    return read_once(h, &h->api.authorization, value, "more than one Authorization");
}

/* Two lines would mean coded twice, which nobody sends and we would not decode. */
static int read_content_encoding(mola_head *h, mola_str value)
{
    return read_once(h, &h->api.content_encoding, value, "more than one Content-Encoding");
}

static int read_accept_encoding(mola_head *h, mola_str value)
{
    return read_first(&h->api.accept_encoding, value);
}

static int read_prefer(mola_head *h, mola_str value)
{
    return read_first(&h->api.prefer, value);
}

static int read_request_id(mola_head *h, mola_str value)
{
    return read_first(&h->api.request_id, value);
}

static int read_telemetry(mola_head *h, mola_str value)
{
    (void)value; /* never parsed: whoever sent it is not authenticated yet */
    h->api.has_telemetry = true;
    return 0;
}

static const struct {
    mola_str name;
    int (*read)(mola_head *h, mola_str value);
} fields[] = {
    {MOLA_STR_C("host"), read_host},
    {MOLA_STR_C("content-length"), read_length},
    {MOLA_STR_C("transfer-encoding"), read_transfer_encoding},
    {MOLA_STR_C("connection"), read_connection},
    {MOLA_STR_C("expect"), read_expect},
    {MOLA_STR_C("authorization"), read_authorization},
    {MOLA_STR_C("content-encoding"), read_content_encoding},
    {MOLA_STR_C("accept-encoding"), read_accept_encoding},
    {MOLA_STR_C("prefer"), read_prefer},
    {MOLA_STR_C("x-request-id"), read_request_id},
    {MOLA_STR_C("x-turbopuffer-client-telemetry"), read_telemetry},
};

static int read_field(mola_head *h, mola_str line)
{
    mola_str name, value = line;
    if (!cut(&value, ':', &name))
        return refuse(h, 400, "header line without a colon");
    if (!is_token(name)) { /* also catches folded lines and "Name :" */
        return refuse(
            h, 400,
            "header name is not a token (folded lines and space before the colon are refused)");
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!same_word(name, fields[i].name))
            continue;
        if (line.len > MOLA_HEAD_FIELD_MAX)
            return refuse(h, 431, "header line is longer than 16 KiB");
        return fields[i].read(h, trim(value));
    }
    return 0;
}

/* ---- the whole ---- */

int mola_head_parse(mola_head *head, mola_str in)
{
    *head = (mola_head){.why = ""};
    mola_str line, rest = in;
    for (bool is_first = true; cut(&rest, '\n', &line) && line.len > 1; is_first = false) {
        line.len--; /* the CR */
        int status = is_first ? read_request_line(head, line) : read_field(head, line);
        if (status)
            return status;
    }
    mola_api_head *said = &head->api;
    if (said->has_length && said->is_chunked)
        return refuse(head, 400, "both Content-Length and Transfer-Encoding");
    if (said->is_chunked && head->is_http10)
        return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
    if (!said->host.data && !head->is_http10)
        return refuse(head, 400, "Host is missing");
    if (head->is_http10) {
        head->wants_close = head->wants_close || !head->wants_keep_alive;
        head->expects_continue = said->expects_other = false;
    }
    if (!said->target.data)
        return refuse(head, 400, "empty request head");
    return split_target(head);
}

void mola_head_move(mola_api_head *head, const char *from, const char *to)
{
    enum { VIEWS = 10 };
    mola_str *const views[VIEWS] = {
        &head->method,
        &head->target,
        &head->path,
        &head->query,
        &head->host,
        &head->authorization,
        &head->prefer,
        &head->accept_encoding,
        &head->content_encoding,
        &head->request_id,
    };
    for (size_t i = 0; i < VIEWS; i++) {
        if (views[i]->data)
            views[i]->data = to + (views[i]->data - from);
    }
}
