/* oracle.h - the dumb answers: filters and orders decided row by row on the JSON of the rows, in
 * the words of reference 8.4.3 and 8.5. Knows nothing of columns, parts or windows. And random rows
 * to ask about. */
#pragma once
#include "mola/codec/datetime.h"
#include "mola/codec/uuid.h"
#include "views.h"
#include <check.h>

typedef struct {
    uint64_t state;
} dice;
static inline uint32_t roll(dice *d, uint32_t sides)
{
    d->state = d->state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(d->state >> 33) % sides;
}

/* ---- values ---- */

static inline mola_str text_of(fixture *f, mola_json json)
{
    mola_str text;
    ck_assert(mola_json_string(json, &f->arena, &text));
    return text;
}

/* Null is lowest. Times and uuids are compared as what they mean, not as they are written. */
static inline int oracle_compare(fixture *f, const char *type, mola_json a, mola_json b)
{
    bool have_a = mola_json_is_set(a), have_b = mola_json_is_set(b);
    if (!have_a || !have_b)
        return have_a - have_b;
    if (strcmp(type, "string") == 0)
        return mola_str_cmp(text_of(f, a), text_of(f, b));
    if (strcmp(type, "bool") == 0)
        return mola_json_bool(a) - mola_json_bool(b);
    if (strcmp(type, "uuid") == 0) {
        uint8_t x[16], y[16];
        ck_assert(mola_uuid_parse(text_of(f, a), x) && mola_uuid_parse(text_of(f, b), y));
        return memcmp(x, y, sizeof x);
    }
    if (strcmp(type, "float") == 0) {
        double x, y;
        ck_assert(mola_json_f64(a, &x) && mola_json_f64(b, &y));
        return (x > y) - (x < y);
    }
    if (strcmp(type, "uint") == 0) {
        uint64_t x, y;
        ck_assert(mola_json_u64(a, &x) && mola_json_u64(b, &y));
        return (x > y) - (x < y);
    }
    int64_t x, y;
    if (strcmp(type, "datetime") == 0)
        ck_assert(mola_datetime_parse(text_of(f, a), &x) && mola_datetime_parse(text_of(f, b), &y));
    else
        ck_assert(mola_json_i64(a, &x) && mola_json_i64(b, &y));
    return (x > y) - (x < y);
}

static inline bool oracle_has(fixture *f, const char *elem, mola_json list, mola_json value)
{
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v))
        if (oracle_compare(f, elem, v, value) == 0)
            return true;
    return false;
}

static inline bool oracle_meets(fixture *f, const char *elem, mola_json list, mola_json wanted)
{
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v))
        if (oracle_has(f, elem, wanted, v))
            return true;
    return false;
}

static inline bool oracle_lists_equal(fixture *f, const char *elem, mola_json a, mola_json b)
{
    mola_json x = mola_json_first(a), y = mola_json_first(b);
    while (x.doc && y.doc && oracle_compare(f, elem, x, y) == 0) {
        x = mola_json_next(a, x);
        y = mola_json_next(b, y);
    }
    return !x.doc && !y.doc;
}

/* ---- filters ---- */

static inline bool holds(const char *op, int order)
{
    if (strcmp(op, "Lt") == 0)
        return order < 0;
    if (strcmp(op, "Lte") == 0)
        return order <= 0;
    return strcmp(op, "Gt") == 0 ? order > 0 : order >= 0;
}

static inline bool oracle_test(fixture *f, const char *type, const char *op, mola_json stored,
                               mola_json value)
{
    bool is_array = strncmp(type, "[]", 2) == 0, have = mola_json_is_set(stored);
    const char *elem = is_array ? type + 2 : type;
    if (strcmp(op, "Eq") == 0) {
        if (!have || !mola_json_is_set(value))
            return !have && !mola_json_is_set(value);
        return is_array ? oracle_lists_equal(f, elem, stored, value)
                        : oracle_compare(f, elem, stored, value) == 0;
    }
    if (strcmp(op, "In") == 0 && !is_array)
        return have && oracle_has(f, elem, value, stored);
    if (strcmp(op, "In") == 0 || strcmp(op, "ContainsAny") == 0)
        return have && oracle_meets(f, elem, stored, value);
    if (strcmp(op, "Contains") == 0)
        return have && oracle_has(f, elem, stored, value);
    if (strncmp(op, "Any", 3) == 0) {
        for (mola_json v = mola_json_first(stored); have && v.doc; v = mola_json_next(stored, v))
            if (holds(op + 3, oracle_compare(f, elem, v, value)))
                return true;
        return false;
    }
    if (strcmp(op, "Lt") == 0 || strcmp(op, "Lte") == 0 || strcmp(op, "Gt") == 0 ||
        strcmp(op, "Gte") == 0)
        return holds(op, oracle_compare(f, elem, stored, value));
    ck_assert_msg(strncmp(op, "Not", 3) == 0, "operator %s", op);
    return !oracle_test(f, type, op + 3, stored, value);
}

static inline const char *c_text(fixture *f, mola_json json)
{
    mola_str text = text_of(f, json);
    char *out = mola_new(&f->arena, char, text.len + 1);
    memcpy(out, text.data, text.len);
    return out;
}

/* `types` is the map of definitions, all of them in short form. */
static inline bool oracle_matches(fixture *f, mola_json types, mola_json filter, mola_json row)
{
    mola_json head = mola_json_at(filter, 0), second = mola_json_at(filter, 1);
    if (mola_json_string_is(head, MOLA_STR("Not")))
        return !oracle_matches(f, types, second, row);
    bool is_and = mola_json_string_is(head, MOLA_STR("And"));
    if (is_and || mola_json_string_is(head, MOLA_STR("Or"))) {
        for (mola_json v = mola_json_first(second); v.doc; v = mola_json_next(second, v))
            if (oracle_matches(f, types, v, row) != is_and)
                return !is_and;
        return is_and;
    }
    mola_str attr = text_of(f, head);
    return oracle_test(f, c_text(f, mola_json_get(types, attr)), c_text(f, second),
                       mola_json_get(row, attr), mola_json_at(filter, 2));
}

/* ---- random rows and filters over all filterable types ---- */

#define ORACLE_SCHEMA                                                                              \
    "{\"id\":\"%s\",\"s\":\"string\",\"n\":\"int\",\"u\":\"uint\",\"x\":\"float\",\"b\":\"bool\"," \
    "\"d\":\"datetime\",\"g\":\"uuid\",\"ss\":\"[]string\",\"ns\":\"[]int\",\"xs\":\"[]float\","   \
    "\"ds\":\"[]datetime\",\"gs\":\"[]uuid\",\"bs\":\"[]bool\",\"us\":\"[]uint\"}"

typedef struct {
    const char *name, *elem;
    bool is_array;
} oracle_attr;
static const oracle_attr oracle_attrs[] = {
    {"s", "string", false}, {"n", "int", false},      {"u", "uint", false},
    {"x", "float", false},  {"b", "bool", false},     {"d", "datetime", false},
    {"g", "uuid", false},   {"ss", "string", true},   {"ns", "int", true},
    {"xs", "float", true},  {"ds", "datetime", true}, {"gs", "uuid", true},
    {"bs", "bool", true},   {"us", "uint", true},
};
enum { ORACLE_ATTRS = sizeof oracle_attrs / sizeof *oracle_attrs };

/* From small pools on purpose: equal values, extremes and different spellings of one value. */
static inline const char *random_value(dice *d, const char *elem)
{
    static const char *const strings[] = {"\"\"",  "\"a\"",       "\"ab\"",      "\"b\"",
                                          "\"B\"", "\"\\u00e9\"", "\"\\u65e5\"", "\"longer text\""};
    static const char *const ints[] = {
        "-9223372036854775808", "-3", "-1", "0", "1", "2", "9223372036854775807",
        "9007199254740993"};
    static const char *const uints[] = {
        "0", "1", "2", "18446744073709551615", "9223372036854775808", "9007199254740993", "7", "8"};
    static const char *const floats[] = {"-2.5",  "-0.0",   "0", "0.1",
                                         "1e300", "-1e300", "3", "0.25"};
    static const char *const dates[] = {"\"2024-03-02\"",
                                        "\"2024-03-02T00:00:00Z\"",
                                        "\"2024-03-02T01:00:00+01:00\"",
                                        "\"1969-12-31T23:59:59.5Z\"",
                                        "\"2030-01-01\"",
                                        "\"2024-03-02T12:30:15.125999Z\"",
                                        "\"2024-03-02T12:30:15.125Z\"",
                                        "\"0001-01-01\""};
    static const char *const uuids[] = {
        "\"00000001-0000-4000-8000-000000000001\"", "\"00000001000040008000000000000001\"",
        "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"", "\"00000000-0000-0000-0000-000000000000\"",
        "\"A0000001-0000-4000-8000-000000000001\"", "\"a0000001-0000-4000-8000-000000000001\"",
        "\"00000001-0000-4000-8000-000000000002\"", "\"10000001-0000-4000-8000-000000000001\""};
    uint32_t i = roll(d, 8);
    if (strcmp(elem, "bool") == 0)
        return i & 1 ? "true" : "false";
    return (strcmp(elem, "string") == 0     ? strings
            : strcmp(elem, "int") == 0      ? ints
            : strcmp(elem, "uint") == 0     ? uints
            : strcmp(elem, "float") == 0    ? floats
            : strcmp(elem, "datetime") == 0 ? dates
                                            : uuids)[i];
}

static inline void random_list(dice *d, mola_buf *out, const char *elem, uint32_t most)
{
    mola_buf_add_char(out, '[');
    for (uint32_t i = 0, n = roll(d, most + 1); i < n; i++) {
        mola_buf_print(out, i ? "," : "");
        mola_buf_add_str(out, mola_str_of(random_value(d, elem)));
    }
    mola_buf_add_char(out, ']');
}

/* Ids are different, in an order of no meaning. rows < 1,000,003. */
static inline void random_rows(dice *d, mola_buf *out, uint32_t rows, const char *id_type)
{
    mola_buf_add_char(out, '[');
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t id = (uint32_t)(((uint64_t)i * 7919 + 13) % 1000003);
        mola_buf_print(out, strcmp(id_type, "uint") == 0 ? "%s{\"id\":%u" : "%s{\"id\":\"%u\"",
                       i ? "," : "", id);
        for (uint32_t a = 0; a < ORACLE_ATTRS; a++) {
            uint32_t kind = roll(d, 8);
            if (kind < 2)
                continue;
            mola_buf_add_str(out, MOLA_STR(",\""));
            mola_buf_add_str(out, mola_str_of(oracle_attrs[a].name));
            mola_buf_add_str(out, MOLA_STR("\":"));
            if (kind == 2)
                mola_buf_print(out, "null");
            else if (oracle_attrs[a].is_array)
                random_list(d, out, oracle_attrs[a].elem, 3);
            else
                mola_buf_add_str(out, mola_str_of(random_value(d, oracle_attrs[a].elem)));
        }
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
}

static inline void random_filter(dice *d, mola_buf *out, uint32_t depth)
{
    static const char *const scalar_ops[] = {"Eq", "NotEq", "In", "NotIn",
                                             "Lt", "Lte",   "Gt", "Gte"};
    static const char *const array_ops[] = {
        "Eq",       "NotEq",       "In",    "NotIn",  "ContainsAny", "NotContainsAny",
        "Contains", "NotContains", "AnyLt", "AnyLte", "AnyGt",       "AnyGte"};
    uint32_t kind = depth ? roll(d, 8) : 7;
    if (kind == 0) {
        mola_buf_print(out, "[\"Not\",");
        random_filter(d, out, depth - 1);
    } else if (kind < 4) {
        mola_buf_print(out, kind == 2 ? "[\"And\",[" : "[\"Or\",[");
        for (uint32_t i = 0, n = roll(d, 4); i < n; i++) {
            mola_buf_print(out, i ? "," : "");
            random_filter(d, out, depth - 1);
        }
        mola_buf_add_char(out, ']');
    } else {
        const oracle_attr *a = &oracle_attrs[roll(d, ORACLE_ATTRS)];
        const char *op = a->is_array ? array_ops[roll(d, 12)] : scalar_ops[roll(d, 8)];
        bool takes_list =
            strstr(op, "In") || strstr(op, "ContainsAny") || (a->is_array && strstr(op, "Eq"));
        mola_buf_add_str(out, MOLA_STR("[\""));
        mola_buf_add_str(out, mola_str_of(a->name));
        mola_buf_add_str(out, MOLA_STR("\",\""));
        mola_buf_add_str(out, mola_str_of(op));
        mola_buf_add_str(out, MOLA_STR("\","));
        if ((strstr(op, "Eq") || !(takes_list || a->is_array)) && roll(d, 5) == 0)
            mola_buf_print(out, "null");
        else if (takes_list)
            random_list(d, out, a->elem, strstr(op, "In") && roll(d, 2) ? 12 : 3);
        else
            mola_buf_add_str(out, mola_str_of(random_value(d, a->elem)));
    }
    mola_buf_add_char(out, ']');
}

/* Up to `max` cuts of `rows` rows, with and without ghosts. */
static inline uint32_t random_cuts(dice *d, cut *cuts, uint32_t max, uint32_t rows)
{
    uint32_t count = roll(d, max + 1);
    for (uint32_t i = 0; i < count; i++) {
        cuts[i] = (cut){.rows = roll(d, rows + 1), .ghosts = roll(d, 3) ? roll(d, 4) : 0};
        rows -= cuts[i].rows;
    }
    return count;
}
