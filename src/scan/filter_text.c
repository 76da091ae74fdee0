/* filter_text.c - the tests that look into texts: Glob, Regex, Fuzzy, tokens (reference 8.5.4
 * to 8.5.7).
 */
#include "scan/filter_compile.h"

typedef mola_filter_compiler compiler;
typedef mola_filter_subject subject;

mola_err mola_filter_make_glob(const compiler *c, const subject *s, mola_filter *leaf)
{
    bool is_text = s->type.elem == MOLA_ELEM_STRING &&
                   (s->type.form == MOLA_FORM_SCALAR || s->type.form == MOLA_FORM_ARRAY);
    if (!is_text)
        return mola_filter_wrong_form(c, s, "expects string");
    if (s->attr && !s->attr->glob && !s->attr->filterable)
        return mola_filter_no_index(c, s, "glob");
    mola_value pattern;
    mola_err err = mola_filter_operand(c, s, s->tree->value, &pattern);
    if (err)
        return err;
    bool folded = leaf->op == MOLA_FILTER_IGLOB || leaf->op == MOLA_FILTER_NOT_IGLOB;
    leaf->test = MOLA_TEST_GLOB;
    leaf->invert = leaf->op == MOLA_FILTER_NOT_GLOB || leaf->op == MOLA_FILTER_NOT_IGLOB;
    mola_str attr = s->tree->attr, text = pattern.s;
    switch (mola_glob_compile(c->ctx->arena, text,
                              folded ? MOLA_GLOB_CASE_FOLDED : MOLA_GLOB_CASE_EXACT, &leaf->glob)) {
    case MOLA_GLOB_OK:
        return MOLA_OK;
    case MOLA_GLOB_NO_MEMORY:
        return mola_filter_no_memory(c);
    case MOLA_GLOB_TOO_LONG:
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "a glob can have at most %d bytes and 32 levels of braces",
                         MOLA_ARG(attr), MOLA_GLOB_BYTES_MAX);
    case MOLA_GLOB_INVALID:
        break;
    }
    return mola_fail(c->ctx->why, MOLA_INVALID, MOLA_FILTER_KEY "invalid glob `" MOLA_FMT "`",
                     MOLA_ARG(attr), MOLA_ARG(text));
}

mola_err mola_filter_make_regex(const compiler *c, const subject *s, mola_filter *leaf)
{
    const mola_ctx *ctx = c->ctx;
    const char *why;
    mola_value pattern;
    if (!s->attr || !s->attr->regex)
        return mola_filter_no_index(c, s, "regex");
    mola_err err = mola_filter_operand(c, s, s->tree->value, &pattern);
    if (!err)
        err = mola_scan_check(ctx); /* a large one takes milliseconds, and there may be many */
    if (err)
        return err;
    leaf->test = MOLA_TEST_REGEX;
    mola_str attr = s->tree->attr;
    switch (mola_regex_compile(ctx->arena, pattern.s, &leaf->regex, &why)) {
    case MOLA_REGEX_OK:
        return MOLA_OK;
    case MOLA_REGEX_NO_MEMORY:
        return mola_filter_no_memory(c);
    case MOLA_REGEX_TOO_LARGE:
        return mola_fail(ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY
                         "the regex is too large: at most %d bytes, and %d steps with repetitions "
                         "written out",
                         MOLA_ARG(attr), MOLA_REGEX_BYTES_MAX, MOLA_REGEX_STEPS_MAX);
    case MOLA_REGEX_INVALID:
        break;
    }
    return mola_fail(ctx->why, MOLA_INVALID, MOLA_FILTER_KEY "invalid regex: %s", MOLA_ARG(attr),
                     why);
}

/* ---- Fuzzy ---- */

/* The distance of the threshold with the most characters that `chars` reaches; *any: there is one.
 */
static mola_err take_distance(const compiler *c, const subject *s, size_t chars, uint32_t *distance,
                              bool *any)
{
    mola_json list = mola_json_get(s->tree->options, MOLA_STR("max_edit_distance"));
    uint64_t reached = 0;
    *any = false;
    if (mola_json_count(list) == 0) {
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "max_edit_distance must not be empty",
                         MOLA_ARG(s->tree->attr));
    }
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        mola_json least = mola_json_get(v, MOLA_STR("min_query_chars"));
        mola_json edits = mola_json_get(v, MOLA_STR("distance"));
        uint64_t from, d;
        if (!mola_json_is_integer(least) || !mola_json_is_integer(edits)) {
            return mola_fail_shape(c->ctx->why, "filters",
                                   "data did not match any variant of untagged enum FilterInput");
        }
        if (!mola_json_u64(least, &from) || !mola_json_u64(edits, &d) || d > MOLA_FUZZY_EDITS_MAX ||
            from < 3 * (d + 1)) {
            return mola_fail(c->ctx->why, MOLA_INVALID, MOLA_FILTER_KEY "invalid max_edit_distance",
                             MOLA_ARG(s->tree->attr));
        }
        if (from > chars || (*any && from < reached))
            continue;
        reached = from;
        *distance = (uint32_t)d;
        *any = true;
    }
    return MOLA_OK;
}

mola_err mola_filter_make_fuzzy(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_value text;
    uint32_t distance;
    bool any;
    if (!s->attr || !s->attr->fuzzy)
        return mola_filter_no_index(c, s, "fuzzy");
    mola_err err = mola_filter_operand(c, s, s->tree->value, &text);
    if (err)
        return err;
    size_t chars = mola_fuzzy_chars(text.s);
    err = take_distance(c, s, chars, &distance, &any);
    if (err)
        return err;
    if (chars > MOLA_FUZZY_CHARS_MAX) {
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "a Fuzzy query can have at most %d characters",
                         MOLA_ARG(s->tree->attr), MOLA_FUZZY_CHARS_MAX);
    }
    leaf->test = MOLA_TEST_NEVER;
    if (!any)
        return MOLA_OK;
    mola_json exact = mola_json_get(s->tree->options, MOLA_STR("case_sensitive"));
    bool free_case = mola_json_kind_of(exact) == MOLA_JSON_BOOL && !mola_json_bool(exact);
    leaf->test = MOLA_TEST_FUZZY;
    leaf->fuzzy = mola_fuzzy_make(c->ctx->arena, text.s, distance,
                                  free_case ? MOLA_FUZZY_CASE_FREE : MOLA_FUZZY_CASE_EXACT);
    return leaf->fuzzy ? MOLA_OK : mola_filter_no_memory(c);
}

/* ---- tokens ---- */

mola_err mola_filter_make_tokens(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_arena *arena = c->ctx->arena;
    mola_value *values = NULL;
    uint32_t count = 0;
    if (!s->attr || !s->attr->has_fts)
        return mola_filter_no_index(c, s, "enabled for full-text search");
    bool lone = s->attr->fts.tokenizer != MOLA_TOKENIZER_PRE_TOKENIZED;
    mola_err err = mola_filter_operands(c, s, s->tree->value, lone, &values, &count);
    if (err)
        return err;
    mola_json option = mola_json_get(s->tree->options, MOLA_STR("last_as_prefix"));
    bool prefix = mola_json_is_set(option) && mola_json_bool(option);
    if (prefix && leaf->op == MOLA_FILTER_TOKEN_SEQUENCE) {
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "last_as_prefix is not available on %s",
                         MOLA_ARG(s->tree->attr), s->op);
    }
    mola_str *texts = mola_new(arena, mola_str, count);
    if (!texts)
        return mola_filter_no_memory(c);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = values[i].s;
    leaf->test = MOLA_TEST_TOKENS;
    leaf->tokens = mola_token_test_new(arena, s->attr, leaf->op, texts, count, prefix);
    return leaf->tokens ? MOLA_OK : mola_filter_no_memory(c);
}
