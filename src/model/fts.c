#include "model/fts.h"
#include "mola/codec/print.h"
#include "mola/model/schema.h"
#include <math.h>
#include <stdio.h>

enum { TOKEN_LENGTH_DEFAULT = 39, PATH_BYTES = 512 };

static const char *const tokenizers[] = {
    "word_v0", "word_v1", "word_v2", "word_v3", "word_v4", "pre_tokenized_array",
};
static const char *const languages[] = {
    "arabic",   "danish",  "dutch",     "english", "finnish",   "french",
    "german",   "greek",   "hungarian", "italian", "norwegian", "portuguese",
    "romanian", "russian", "spanish",   "swedish", "tamil",     "turkish",
};
enum {
    TOKENIZERS = sizeof tokenizers / sizeof *tokenizers,
    LANGUAGES = sizeof languages / sizeof *languages,
};

const char *mola_tokenizer_name(uint8_t tokenizer)
{
    return tokenizer < TOKENIZERS ? tokenizers[tokenizer] : NULL;
}

const char *mola_language_name(uint8_t language)
{
    return language < LANGUAGES ? languages[language] : NULL;
}

static bool has_stopwords(uint8_t language)
{
    static const char *const without[] = {"arabic", "greek", "romanian", "tamil", "turkish"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        if (strcmp(languages[language], without[i]) == 0)
            return false;
    }
    return true;
}

static int name_index(mola_json json, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (mola_json_string_is(json, mola_str_of(names[i])))
            return i;
    }
    return -1;
}

static bool is_bool_key(mola_str key)
{
    return mola_str_eq(key, MOLA_STR("stemming")) ||
           mola_str_eq(key, MOLA_STR("remove_stopwords")) ||
           mola_str_eq(key, MOLA_STR("case_sensitive")) ||
           mola_str_eq(key, MOLA_STR("ascii_folding"));
}

static bool is_float_key(mola_str key)
{
    return mola_str_eq(key, MOLA_STR("k1")) || mola_str_eq(key, MOLA_STR("b")) ||
           mola_str_eq(key, MOLA_STR("k3"));
}

static mola_err check_member(mola_str key, mola_json v, const char *path, mola_why *why)
{
    char inner[PATH_BYTES + 32];
    (void)snprintf(inner, sizeof inner, "%s." MOLA_FMT, path, MOLA_ARG(key));
    if (mola_str_eq(key, MOLA_STR("tokenizer")) && name_index(v, tokenizers, TOKENIZERS) < 0)
        return mola_fail_variant(why, path, v, tokenizers, TOKENIZERS);
    if (mola_str_eq(key, MOLA_STR("language")) && name_index(v, languages, LANGUAGES) < 0)
        return mola_fail_variant(why, path, v, languages, LANGUAGES);
    if (is_bool_key(key) && mola_json_kind_of(v) != MOLA_JSON_BOOL)
        return mola_fail_type(why, inner, v, "a boolean");
    if (mola_str_eq(key, MOLA_STR("max_token_length")) &&
        (!mola_json_is_integer(v) || (mola_json_number_text(v).data[0] == '-' &&
                                      !mola_str_eq(mola_json_number_text(v), MOLA_STR("-0")))))
        return mola_fail_type(why, inner, v, "usize");
    if (is_float_key(key) && mola_json_kind_of(v) != MOLA_JSON_NUMBER)
        return mola_fail_type(why, inner, v, "f32");
    return MOLA_OK;
}

mola_err mola_fts_check_shape(mola_json json, mola_str attribute, mola_arena *arena, mola_why *why)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, MOLA_FMT ".full_text_search", MOLA_ARG(attribute));
    mola_json_kind kind = mola_json_kind_of(json);
    if (kind == MOLA_JSON_BOOL)
        return MOLA_OK;
    if (kind != MOLA_JSON_OBJECT) {
        return mola_fail_shape(
            why, path, "data did not match any variant of untagged enum FullTextSearchInput");
    }
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        mola_str key;
        if (!mola_json_is_set(v))
            continue;
        if (!mola_json_key(v, arena, &key))
            return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
        mola_err err = check_member(key, v, path, why);
        if (err)
            return err;
    }
    return MOLA_OK;
}

static mola_fts defaults(void)
{
    return (mola_fts){.k1 = 1.2F,
                      .b = 0.75F,
                      .k3 = 8.0F,
                      .tokenizer = MOLA_TOKENIZER_WORD_V4,
                      .language = MOLA_LANGUAGE_ENGLISH,
                      .max_token_length = TOKEN_LENGTH_DEFAULT};
}

static bool flag(mola_json given, const char *key, bool otherwise)
{
    mola_json v = mola_json_get(given, mola_str_of(key));
    return mola_json_is_set(v) ? mola_json_bool(v) : otherwise;
}

static float parameter(mola_json given, const char *key, float otherwise)
{
    mola_json v = mola_json_get(given, mola_str_of(key));
    double number;
    if (!mola_json_is_set(v))
        return otherwise;
    return mola_json_f64(v, &number) ? (float)number : INFINITY;
}

/* What pre-tokenized text has no use for may only be given in the one form that says so. */
static mola_err check_pre_tokenized(const mola_attr *attr, mola_json given, mola_why *why)
{
    static const char *const unusable[] = {"stemming", "remove_stopwords", "language"};
    if (attr->type.form != MOLA_FORM_ARRAY) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT
                         "': the `pre_tokenized_array` tokenizer needs type []string",
                         MOLA_ARG(attr->name));
    }
    const char *refused = NULL;
    for (int i = 0; i < 3 && !refused; i++) {
        mola_json v = mola_json_get(given, mola_str_of(unusable[i]));
        if (mola_json_is_set(v) && (mola_json_kind_of(v) != MOLA_JSON_BOOL || mola_json_bool(v)))
            refused = unusable[i];
    }
    if (!refused && !flag(given, "case_sensitive", true))
        refused = "case_sensitive";
    if (refused) {
        return mola_fail(why, MOLA_INVALID,
                         "cannot specify %s with `pre_tokenized_array` tokenizer", refused);
    }
    return MOLA_OK;
}

/* max_token_length as given; 0 for what is out of range. */
static uint16_t token_length(mola_json given, uint16_t otherwise)
{
    mola_json v = mola_json_get(given, MOLA_STR("max_token_length"));
    uint64_t number;
    if (!mola_json_is_set(v))
        return otherwise;
    return mola_json_u64(v, &number) && number <= MOLA_TOKEN_LENGTH_MAX ? (uint16_t)number : 0;
}

static mola_err check_settings(const mola_attr *attr, const mola_fts *fts, mola_why *why)
{
    if (!(fts->k1 > 0 && isfinite(fts->k1)) || !(fts->k3 > 0 && isfinite(fts->k3)) ||
        !(fts->b >= 0 && fts->b <= 1)) {
        return mola_fail(why, MOLA_INVALID, "attribute '" MOLA_FMT "': BM25 parameter out of range",
                         MOLA_ARG(attr->name));
    }
    if (fts->max_token_length < 1 || fts->max_token_length > MOLA_TOKEN_LENGTH_MAX) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': max_token_length must be between 1 and 254",
                         MOLA_ARG(attr->name));
    }
    if (fts->tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED)
        return MOLA_OK;
    if (fts->case_sensitive && fts->stemming) {
        return mola_fail(why, MOLA_INVALID,
                         "stemming is not supported when case sensitivity is enabled");
    }
    if (fts->case_sensitive && fts->remove_stopwords) {
        return mola_fail(why, MOLA_INVALID,
                         "stopword removal is not supported when case sensitivity is enabled");
    }
    if (fts->remove_stopwords && !has_stopwords(fts->language)) {
        return mola_fail(why, MOLA_INVALID, "stopword removal is not supported for language: %s",
                         languages[fts->language]);
    }
    return MOLA_OK;
}

mola_err mola_fts_merge(mola_attr *attr, mola_json json, mola_why *why)
{
    bool is_bool = mola_json_kind_of(json) == MOLA_JSON_BOOL;
    if (is_bool && !mola_json_bool(json)) {
        attr->has_fts = false;
        attr->fts = (mola_fts){0};
        return MOLA_OK;
    }
    mola_json given = is_bool ? (mola_json){0} : json;
    if (attr->type.elem != MOLA_ELEM_STRING) {
        char type[MOLA_TYPE_TEXT_BYTES];
        (void)mola_type_print(attr->type, type);
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT
                         "': full_text_search needs type string or []string, got %s",
                         MOLA_ARG(attr->name), type);
    }
    mola_fts fts = attr->has_fts ? attr->fts : defaults();
    bool was_pre_tokenized = fts.tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED;
    mola_json tokenizer = mola_json_get(given, MOLA_STR("tokenizer"));
    if (mola_json_is_set(tokenizer))
        fts.tokenizer = (uint8_t)name_index(tokenizer, tokenizers, TOKENIZERS);
    if (fts.tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED) {
        mola_err err = check_pre_tokenized(attr, given, why);
        if (err)
            return err;
        fts.language = MOLA_LANGUAGE_ENGLISH; /* kept at its default and shown as null */
        fts.max_token_length = TOKEN_LENGTH_DEFAULT;
        fts.case_sensitive = true;
        fts.stemming = fts.remove_stopwords = false;
    } else {
        fts.case_sensitive =
            flag(given, "case_sensitive", fts.case_sensitive && !was_pre_tokenized);
        fts.stemming = flag(given, "stemming", fts.stemming);
        fts.remove_stopwords = flag(given, "remove_stopwords", fts.remove_stopwords);
        fts.max_token_length = token_length(given, fts.max_token_length);
        mola_json language = mola_json_get(given, MOLA_STR("language"));
        if (mola_json_is_set(language))
            fts.language = (uint8_t)name_index(language, languages, LANGUAGES);
    }
    fts.ascii_folding = flag(given, "ascii_folding", fts.ascii_folding);
    fts.k1 = parameter(given, "k1", fts.k1);
    fts.b = parameter(given, "b", fts.b);
    fts.k3 = parameter(given, "k3", fts.k3);
    mola_err err = check_settings(attr, &fts, why);
    if (err)
        return err;
    attr->has_fts = true;
    attr->fts = fts;
    return MOLA_OK;
}

static void print_flag(mola_buf *out, const char *key, bool on)
{
    mola_buf_print(out, ",\"%s\":%s", key, on ? "true" : "false");
}

static void print(mola_buf *out, const mola_fts *fts, bool nulls)
{
    bool pre_tokenized = fts->tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED;
    mola_buf_add_str(out, MOLA_STR("{\"k1\":"));
    mola_print_f32(out, fts->k1);
    mola_buf_add_str(out, MOLA_STR(",\"b\":"));
    mola_print_f32(out, fts->b);
    mola_buf_add_str(out, MOLA_STR(",\"k3\":"));
    mola_print_f32(out, fts->k3);
    if (!pre_tokenized) {
        mola_buf_print(out, ",\"language\":\"%s\"", languages[fts->language]);
    } else if (nulls) {
        mola_buf_add_str(out, MOLA_STR(",\"language\":null"));
    }
    print_flag(out, "stemming", fts->stemming);
    print_flag(out, "remove_stopwords", fts->remove_stopwords);
    print_flag(out, "ascii_folding", fts->ascii_folding);
    print_flag(out, "case_sensitive", fts->case_sensitive);
    if (!pre_tokenized) {
        mola_buf_print(out, ",\"max_token_length\":%u", fts->max_token_length);
    } else if (nulls) {
        mola_buf_add_str(out, MOLA_STR(",\"max_token_length\":null"));
    }
    mola_buf_print(out, ",\"tokenizer\":\"%s\"}", tokenizers[fts->tokenizer]);
}

void mola_fts_print(mola_buf *out, const mola_fts *fts)
{
    print(out, fts, true);
}

void mola_fts_print_metadata(mola_buf *out, const mola_fts *fts)
{
    print(out, fts, false);
}
