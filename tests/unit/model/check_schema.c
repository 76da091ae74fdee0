#include "common.h"

/* Schemas: shapes, definitions, merges, inference and views by reference 5 and 4.6. Texts are the
 * wire's. */

#define PREFIX "Failed to deserialize the JSON body into the target type: "

static mola_state *state, *before;

static void set_up_states(void)
{
    set_up();
    mola_state *empty = mola_state_new(&heap);
    state = mola_state_copy(&heap, empty, 100);
    mola_state_unref(empty);
    before = NULL;
}

static void tear_down_states(void)
{
    mola_state_unref(state);
    mola_state_unref(before);
    tear_down();
}

/* "" or "status words". */
static const char *result_of(mola_err err)
{
    static char text[MOLA_WHY_BYTES + 16];
    if (err)
        (void)snprintf(text, sizeof text, "%d %s", (int)err, said());
    else
        text[0] = '\0';
    return text;
}

static const char *shape(const char *definitions)
{
    return result_of(mola_schema_check_shape(json(definitions), "schema", &arena, &why));
}

/* Single quotes stand for double ones, to keep the tables readable. */
static mola_json json_of(const char *text)
{
    char copy[4096];
    size_t len = strlen(text);
    ck_assert_uint_lt(len, sizeof copy);
    for (size_t i = 0; i < len; i++)
        copy[i] = text[i];
    for (size_t i = 0; i < len; i++)
        if (copy[i] == '\'')
            copy[i] = '"';
    return json_n(copy, len);
}

static const char *apply(const char *definitions)
{
    mola_json d = json_of(definitions);
    mola_err err = mola_schema_check_shape(d, "schema", &arena, &why);
    if (!err)
        err = mola_schema_apply(state, d, NULL, &arena, &why);
    return result_of(err);
}

static const char *infer(const char *name, const char *value)
{
    return result_of(
        mola_schema_infer(state, before, mola_str_of(name), json_of(value), &arena, &why));
}

static const char *settle(const char *metric)
{
    mola_json given = metric ? json_of(metric) : (mola_json){0};
    return result_of(mola_schema_settle_metric(state, before, given, &why));
}

/* With single quotes again. */
static const char *view(void (*print)(mola_buf *, const mola_state *))
{
    print(&out, state);
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] == '"')
            out.data[i] = '\'';
    return printed();
}

/* Starts over with an empty state. */
static void again(void)
{
    mola_state *empty = mola_state_new(&heap);
    mola_state_unref(state);
    mola_state_unref(before);
    state = mola_state_copy(&heap, empty, 100);
    before = NULL;
    mola_state_unref(empty);
    drop_docs();
}

/* What is there now is what the next write starts from. */
static void commit(void)
{
    mola_state_unref(before);
    before = state;
    state = mola_state_copy(&heap, before, 100);
}

typedef struct {
    const char *in, *result;
} example;

START_TEST(wrong_shapes_are_422_in_the_words_of_the_service)
{
#define INPUT "2 " PREFIX "a: data did not match any variant of untagged enum AttributeSchemaInput"
    static const example examples[] = {
        {"[]", "2 " PREFIX "schema: invalid type: sequence, expected a map"},
        {"{\"a\":5}", INPUT},
        {"{\"a\":[]}", INPUT},
        {"{\"a\":null}", INPUT},
        {"{\"a\":{}}", INPUT},
        {"{\"a\":{\"type\":5}}", INPUT},
        {"{\"a\":{\"type\":null}}", INPUT},
        {"{\"a\":{\"type\":\"nonsense\"}}", ""},
        {"{\"a\":{\"type\":\"int\",\"filterable\":1}}",
         "2 " PREFIX "a.filterable: invalid type: integer `1`, expected a boolean"},
        {"{\"a\":{\"type\":\"int\",\"filterable\":null,\"regex\":null}}", ""},
        {"{\"a\":{\"type\":\"int\",\"glob\":\"x\"}}",
         "2 " PREFIX "a.glob: invalid type: string \"x\", expected a boolean"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":1}}",
         "2 " PREFIX
         "a.full_text_search: data did not match any variant of untagged enum FullTextSearchInput"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"tokenizer\":\"w\"}}}",
         "2 " PREFIX
         "a.full_text_search: unknown variant `w`, expected one of `word_v0`, `word_v1`, "
         "`word_v2`, `word_v3`, `word_v4`, `pre_tokenized_array`"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"language\":\"klingon\"}}}",
         "2 " PREFIX
         "a.full_text_search: unknown variant `klingon`, expected one of `arabic`, `danish`, "
         "`dutch`, `english`, `finnish`, `french`, `german`, `greek`, `hungarian`, `italian`, "
         "`norwegian`, "
         "`portuguese`, `romanian`, `russian`, `spanish`, `swedish`, `tamil`, `turkish`"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"stemming\":1}}}",
         "2 " PREFIX "a.full_text_search.stemming: invalid type: integer `1`, expected a boolean"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"max_token_length\":-1}}}",
         "2 " PREFIX
         "a.full_text_search.max_token_length: invalid type: integer `-1`, expected usize"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"k1\":\"1\"}}}",
         "2 " PREFIX "a.full_text_search.k1: invalid type: string \"1\", expected f32"},
        {"{\"a\":{\"type\":\"string\",\"full_text_search\":{\"index_prefixes\":true,\"k1\":null}}}",
         ""},
        {"{\"a\":{\"type\":\"[2]f32\",\"ann\":1}}",
         "2 " PREFIX "a: data did not match any variant of untagged enum AnnInput"},
        {"{\"a\":{\"type\":\"[2]f32\",\"ann\":{\"distance_metric\":\"manhattan\"}}}",
         "2 " PREFIX
         "a: unknown variant `manhattan`, expected `cosine_distance` or `euclidean_squared`"},
        {"{\"a\":{\"type\":\"[2]f32\",\"ann\":{\"distance_metric\":\"dot_product\"}}}", ""},
        {"{\"a\":{\"type\":\"{}f16\",\"sparse_knn\":true}}",
         "2 " PREFIX "a.sparse_knn: unknown variant, expected `dot_product`"},
        {"{\"a\":{\"type\":\"{}f16\",\"sparse_knn\":{\"distance_metric\":\"cosine_distance\"}}}",
         "2 " PREFIX "a.sparse_knn: unknown variant, expected `dot_product`"},
        {"{\"a\":{\"drop\":1}}",
         "2 " PREFIX "a.drop: invalid type: integer `1`, expected a boolean"},
        {"{\"a\":{\"drop\":false}}",
         "3 attribute 'a': drop must be true and cannot be combined with other options"},
        {"{\"a\":{\"drop\":true,\"type\":\"int\"}}",
         "3 attribute 'a': drop must be true and cannot be combined with other options"},
        {"{\"a\":{\"drop\":true}}", ""},
        {"{}", ""},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        ck_assert_str_eq(shape(examples[i].in), examples[i].result);
    ck_assert_str_eq(result_of(mola_schema_check_shape(json("5"), "", &arena, &why)),
                     "2 " PREFIX "invalid type: integer `5`, expected a map");
}
END_TEST

/* Each on an empty namespace. */
START_TEST(definitions_are_refused_with_the_documented_words)
{
    static const example examples[] = {
        {"{'':'int'}", "3 invalid attribute name ``"},
        {"{'$x':'int'}", "3 invalid attribute name `$x`"},
        {"{'a':'integer'}", "3 invalid attribute type `integer`"},
        {"{'a':'[2]f32'}", "3 vector attribute 'a' must have ann:true"},
        {"{'vector':{'type':'[2]f32','ann':false}}",
         "3 the `vector` attribute must have `ann` set to `true`, eg: \"vector\": { \"type\": "
         "\"[1024]f32\", "
         "\"ann\": true }"},
        {"{'a':{'type':'int','ann':true}}", "3 attribute 'a': ann needs a vector type, got int"},
        {"{'a':{'type':'int','ann':false}}", ""},
        {"{'a':{'type':'int','sparse_knn':{'distance_metric':'dot_product'}}}",
         "3 attribute 'a': sparse_knn needs type {}f16, got int"},
        {"{'a':{'type':'{}f16','filterable':true}}",
         "3 attribute 'a' of type {}f16 cannot be filterable"},
        {"{'a':{'type':'bytes','filterable':true}}",
         "3 attribute 'a' of type bytes cannot be filterable"},
        {"{'a':{'type':'[][2]f32','filterable':true}}",
         "3 attribute 'a' of type [][2]f32 cannot be filterable"},
        {"{'a':{'type':'int','regex':true}}",
         "3 attribute 'a': regex is not supported for type int"},
        {"{'a':{'type':'[]string','regex':true}}",
         "3 attribute 'a': regex is not supported for type []string"},
        {"{'a':{'type':'[]string','glob':true,'fuzzy':true}}", ""},
        {"{'a':{'type':'int','full_text_search':true}}",
         "3 attribute 'a': full_text_search needs type string or []string, got int"},
        {"{'a':{'type':'int','full_text_search':false,'glob':false}}", ""},
        {"{'a':{'type':'string','full_text_search':{'k1':0}}}",
         "3 attribute 'a': BM25 parameter out of range"},
        {"{'a':{'type':'string','full_text_search':{'b':1.5}}}",
         "3 attribute 'a': BM25 parameter out of range"},
        {"{'a':{'type':'string','full_text_search':{'k3':-1}}}",
         "3 attribute 'a': BM25 parameter out of range"},
        {"{'a':{'type':'string','full_text_search':{'k1':1e60}}}",
         "3 attribute 'a': BM25 parameter out of range"},
        {"{'a':{'type':'string','full_text_search':{'max_token_length':0}}}",
         "3 attribute 'a': max_token_length must be between 1 and 254"},
        {"{'a':{'type':'string','full_text_search':{'max_token_length':256}}}",
         "3 attribute 'a': max_token_length must be between 1 and 254"},
        {"{'a':{'type':'string','full_text_search':{'max_token_length':255}}}", ""},
        {"{'a':{'type':'string','full_text_search':{'case_sensitive':true,'stemming':true}}}",
         "3 stemming is not supported when case sensitivity is enabled"},
        {"{'a':{'type':'string','full_text_search':{'case_sensitive':true,'remove_stopwords':true}}"
         "}",
         "3 stopword removal is not supported when case sensitivity is enabled"},
        {"{'a':{'type':'string','full_text_search':{'language':'tamil','remove_stopwords':true}}}",
         "3 stopword removal is not supported for language: tamil"},
        {"{'a':{'type':'string','full_text_search':{'tokenizer':'pre_tokenized_array'}}}",
         "3 attribute 'a': the `pre_tokenized_array` tokenizer needs type []string"},
        {"{'a':{'type':'[]string','full_text_search':{'tokenizer':'pre_tokenized_array','stemming':"
         "true}}}",
         "3 cannot specify stemming with `pre_tokenized_array` tokenizer"},
        {"{'a':{'type':'[]string','full_text_search':{'tokenizer':'pre_tokenized_array','language':"
         "'english'}}}",
         "3 cannot specify language with `pre_tokenized_array` tokenizer"},
        {"{'a':{'type':'[]string','full_text_search':{'tokenizer':'pre_tokenized_array','case_"
         "sensitive':false}}}",
         "3 cannot specify case_sensitive with `pre_tokenized_array` tokenizer"},
        {"{'a':{'type':'[]string','full_text_search':{'tokenizer':'pre_tokenized_array','stemming':"
         "false,"
         "'max_token_length':0}}}",
         ""},
        {"{'a':{'type':'string','embed':'openai/small'}}",
         "3 native embedding is not enabled on this server: set --embedding-url (attribute \"a\", "
         "model "
         "\"openai/small\")"},
        {"{'a':{'type':'string','embed':{'model':'m'}}}",
         "3 native embedding is not enabled on this server: set --embedding-url (attribute \"a\", "
         "model \"m\")"},
        {"{'a':{'type':'string','embed':null}}", ""},
        {"{'id':{'drop':true}}", "3 the `id` attribute cannot be dropped"},
        {"{'id':'int'}", "3 invalid type `int` for the `id` attribute"},
        {"{'id':{'type':'uuid'}}", ""},
        {"{'missing':{'drop':true}}", ""},
        {"{'$missing':{'drop':true}}", "3 invalid attribute name `$missing`"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        ck_assert_str_eq(apply(examples[i].in), examples[i].result);
        again();
    }
}
END_TEST

START_TEST(a_type_never_changes_and_the_error_names_the_attribute)
{
    ck_assert_str_eq(apply("{'id':'uint','a':'string','e':'[]unknown'}"), "");
    mola_json d = json("{\"a\":\"int\"}");
    ck_assert_int_eq(mola_schema_apply(state, d, NULL, &arena, &why), MOLA_INVALID);
    ck_assert_uint_eq(why.attribute_len, 1);
    ck_assert_int_eq(why.attribute[0], 'a');
    ck_assert_str_eq(said(), "attribute 'a' has type string, which cannot be changed to int");
    ck_assert_str_eq(apply("{'id':'string'}"),
                     "3 attribute 'id' has type uint, which cannot be changed to string");
    ck_assert_str_eq(apply("{'id':'uint'}"), "");
    uint32_t id = mola_state_find(state, MOLA_STR("e"))->id;
    ck_assert_str_eq(apply("{'e':'int'}"),
                     "3 attribute 'e' has type []unknown, which cannot be changed to int");
    ck_assert_str_eq(apply("{'e':'[]int'}"), "");
    ck_assert_uint_eq(mola_state_find(state, MOLA_STR("e"))->id, id);
    ck_assert_str_eq(apply("{'e':'[]string'}"),
                     "3 attribute 'e' has type []int, which cannot be changed to []string");
}
END_TEST

START_TEST(updates_merge_by_section_5_4)
{
    ck_assert_str_eq(
        apply("{'id':'uint','t':{'type':'string','full_text_search':{'stemming':true,'k1':2}}}"),
        "");
    const mola_attr *t = mola_state_find(state, MOLA_STR("t"));
    ck_assert(!t->filterable && t->has_fts && t->fts.stemming);
    ck_assert_str_eq(apply("{'t':{'type':'string','full_text_search':{'language':'german'}}}"), "");
    ck_assert(t->fts.stemming && t->fts.k1 == 2);
    ck_assert_str_eq(mola_language_name(t->fts.language), "german");
    ck_assert_str_eq(apply("{'t':{'type':'string','full_text_search':true,'filterable':true}}"),
                     "");
    ck_assert(t->filterable && t->fts.stemming);
    ck_assert_str_eq(apply("{'t':{'type':'string','glob':true}}"), "");
    ck_assert(t->filterable && t->glob && t->has_fts);
    ck_assert_str_eq(apply("{'t':'string'}"),
                     ""); /* the shorthand: indexes off, filterable stays */
    ck_assert(t->filterable && !t->glob && !t->has_fts);
    ck_assert_str_eq(apply("{'t':{'type':'string','full_text_search':true}}"), "");
    ck_assert(!t->fts.stemming && t->fts.k1 == 1.2F);
    ck_assert_str_eq(apply("{'t':{'type':'string','full_text_search':false}}"), "");
    ck_assert(!t->has_fts && t->filterable);
}
END_TEST

START_TEST(leaving_pre_tokenized_text_restores_the_defaults)
{
    ck_assert_str_eq(
        apply("{'id':'uint','t':{'type':'[]string','full_text_search':{'case_sensitive':true,"
              "'max_token_length':7,'language':'french','ascii_folding':true}}}"),
        "");
    ck_assert_str_eq(
        apply("{'t':{'type':'[]string','full_text_search':{'tokenizer':'pre_tokenized_array'}}}"),
        "");
    ck_assert_str_eq(
        view(mola_schema_print),
        "{'id':{'type':'uint','filterable':null,'full_text_search':null},"
        "'t':{'type':'[]string','filterable':false,'full_text_search':{'k1':1.2,'b':0.75,'k3':8.0,"
        "'language':null,'stemming':false,'remove_stopwords':false,'ascii_folding':true,"
        "'case_sensitive':true,'max_token_length':null,'tokenizer':'pre_tokenized_array'}}}");
    ck_assert_str_eq(
        view(mola_schema_print_metadata),
        "{'id':{'type':'uint'},"
        "'t':{'type':'[]string','filterable':false,'full_text_search':{'k1':1.2,'b':0.75,'k3':8.0,"
        "'stemming':false,'remove_stopwords':false,'ascii_folding':true,"
        "'case_sensitive':true,'tokenizer':'pre_tokenized_array'}}}");
    ck_assert_str_eq(apply("{'t':{'type':'[]string','full_text_search':{'tokenizer':'word_v3'}}}"),
                     "");
    const mola_fts *fts = &mola_state_find(state, MOLA_STR("t"))->fts;
    ck_assert(!fts->case_sensitive && fts->max_token_length == 39 && fts->ascii_folding);
    ck_assert_str_eq(mola_language_name(fts->language), "english");
}
END_TEST

START_TEST(the_views_are_those_of_section_5_5)
{
    ck_assert_str_eq(
        apply("{'id':'uint','title':{'type':'string','full_text_search':{'stemming':true,"
              "'remove_stopwords':true}},'flag':'bool','vector':{'type':'[2]f32','ann':true},"
              "'other':{'type':'[3]i8','ann':{'late_interaction':true}},"
              "'s':{'type':'{}f16','sparse_knn':{'distance_metric':'dot_product'}},"
              "'p':{'type':'string','regex':true,'glob':true,'fuzzy':true}}"),
        "");
    ck_assert_str_eq(settle("'cosine_distance'"), "");
    ck_assert_str_eq(
        view(mola_schema_print),
        "{'id':{'type':'uint','filterable':null,'full_text_search':null},"
        "'title':{'type':'string','filterable':false,'full_text_search':{'k1':1.2,'b':0.75,'k3':8."
        "0,"
        "'language':'english','stemming':true,'remove_stopwords':true,'ascii_folding':false,"
        "'case_sensitive':false,'max_token_length':39,'tokenizer':'word_v4'}},"
        "'flag':{'type':'bool','filterable':true,'full_text_search':null},"
        "'vector':{'type':'[2]f32','ann':true,'filterable':null,'full_text_search':null},"
        "'other':{'type':'[3]i8','ann':true,'filterable':false,'full_text_search':null},"
        "'s':{'type':'{}f16','filterable':false,'full_text_search':null},"
        "'p':{'type':'string','filterable':false,'full_text_search':null,'regex':true,'glob':true,"
        "'fuzzy':true}}");
    ck_assert_str_eq(
        view(mola_schema_print_metadata),
        "{'id':{'type':'uint'},"
        "'title':{'type':'string','filterable':false,'full_text_search':{'k1':1.2,'b':0.75,'k3':8."
        "0,"
        "'language':'english','stemming':true,'remove_stopwords':true,'ascii_folding':false,"
        "'case_sensitive':false,'max_token_length':39,'tokenizer':'word_v4'}},"
        "'flag':{'type':'bool','filterable':true},"
        "'vector':{'type':'[2]f32','ann':{'distance_metric':'cosine_distance'}},"
        "'other':{'type':'[3]i8','filterable':false,'ann':{'distance_metric':'cosine_distance',"
        "'late_interaction':true}},"
        "'s':{'type':'{}f16','filterable':false,'sparse_knn':{'distance_metric':'dot_product'}},"
        "'p':{'type':'string','filterable':false,'regex':true,'glob':true,'fuzzy':true}}");
}
END_TEST

START_TEST(dropped_names_come_back_as_other_attributes)
{
    ck_assert_str_eq(
        apply("{'id':'uint','a':'string','b':'int','m':{'type':'[][2]f32','ann':true}}"), "");
    uint32_t old = mola_state_find(state, MOLA_STR("a"))->id;
    ck_assert_str_eq(apply("{'a':{'drop':true}}"), "");
    ck_assert_ptr_null(mola_state_find(state, MOLA_STR("a")));
    ck_assert_ptr_null(mola_state_attr(state, old));
    ck_assert_str_eq(apply("{'a':'int'}"), "");
    ck_assert_uint_gt(mola_state_find(state, MOLA_STR("a"))->id, old);
    ck_assert_str_eq(apply("{'m':{'drop':true}}"), "3 vector attribute 'm' cannot be dropped");
}
END_TEST

START_TEST(types_are_inferred_by_section_4_6)
{
#define INCOMPATIBLE                                                                               \
    "3 inferred schema type for attribute 'x' as int, but got an incompatible value (of type "     \
    "number, "                                                                                     \
    "number cannot be represented as signed 64-bit integer). consider specifying the explicit "    \
    "type you "                                                                                    \
    "want for this attribute in the schema"
    static const struct {
        const char *name, *value, *type;
    } examples[] = {
        {"vector", "[1,2]", "[2]f32"},
        {"vector", "'zczMPc3MTD6amZk+'", "[3]f32"},
        {"vector", "[]", "[]unknown"},
        {"vector", "''", "3 invalid vector value for attribute 'vector'"},
        {"vector", "'hello'", "3 invalid vector value for attribute 'vector'"},
        {"vector", "[1e39]", "3 invalid vector value for attribute 'vector'"},
        {"vector", "[1,'a']", "3 cannot infer a schema type for attribute 'vector'"},
        {"vector", "['a']", "[]string"},
        {"vector", "[[1,2]]", "[][2]f32"},
        {"vector", "true", "bool"},
        {"vector", "7", "int"},
        {"x", "'zczMPc3MTD6amZk+'", "string"},
        {"x", "true", "bool"},
        {"x", "-9223372036854775808", "int"},
        {"x", "9223372036854775808", INCOMPATIBLE},
        {"x", "1.5", INCOMPATIBLE},
        {"x", "1.0", INCOMPATIBLE},
        {"x", "[]", "[]unknown"},
        {"x", "['a','b']", "[]string"},
        {"x", "[true]", "[]bool"},
        {"x", "[1,2]", "[]int"},
        {"x", "[1,2.5]", INCOMPATIBLE},
        {"x", "[1,18446744073709551615]", INCOMPATIBLE},
        {"x", "[1,'a']", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "[null]", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "[{}]", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "[[1,2,3],[1]]", "[][3]f32"},
        {"x", "[[1],[]]", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "[[1],['a']]", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "[['a']]", "3 cannot infer a schema type for attribute 'x'"},
        {"x", "{'a':1}", "{}f16"},
        {"x", "{}", "{}f16"},
        {"", "1", "3 invalid attribute name ``"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const char *result = infer(examples[i].name, examples[i].value);
        const mola_attr *a = mola_state_find(state, mola_str_of(examples[i].name));
        char type[MOLA_TYPE_TEXT_BYTES];
        if (a) {
            mola_type_print(a->type, type);
            result = type;
            ck_assert_int_eq(a->filterable, a->type.form == MOLA_FORM_SCALAR ||
                                                a->type.form == MOLA_FORM_ARRAY ||
                                                a->type.form == MOLA_FORM_MULTI);
            ck_assert_int_eq(a->ann, a->type.form == MOLA_FORM_DENSE);
        }
        ck_assert_msg(strcmp(result, examples[i].type) == 0, "%s: %s is %s, not %s",
                      examples[i].name, examples[i].value, result, examples[i].type);
        again();
    }
}
END_TEST

START_TEST(empty_lists_become_concrete_in_place)
{
    ck_assert_str_eq(apply("{'id':'uint','e':{'type':'[]unknown','filterable':false}}"), "");
    uint32_t id = mola_state_find(state, MOLA_STR("e"))->id;
    ck_assert_str_eq(infer("e", "[]"), "");
    ck_assert_str_eq(infer("e", "5"),
                     "3 attribute 'e' has type []unknown, got an incompatible value");
    ck_assert_str_eq(infer("e", "[1]"), "");
    const mola_attr *e = mola_state_find(state, MOLA_STR("e"));
    ck_assert(mola_type_eq(e->type, type_of("[]int")));
    ck_assert_uint_eq(e->id, id);
    ck_assert(!e->filterable);
}
END_TEST

START_TEST(vectors_come_with_the_namespace_or_never)
{
    ck_assert_str_eq(infer("a", "1"), "");
    commit();
    ck_assert_str_eq(infer("vector", "[1,2]"),
                     "3 Vector provided for namespace without vector attribute");
    ck_assert_str_eq(apply("{'v':{'type':'[2]f32','ann':true}}"), "");
    ck_assert_str_eq(settle("'cosine_distance'"),
                     "3 vector attributes cannot be added to an existing namespace");
}
END_TEST

START_TEST(the_metric_follows_section_5_2)
{
    ck_assert_str_eq(settle("'cosine'"),
                     "2 " PREFIX
                     "distance_metric: unknown variant `cosine`, expected `cosine_distance` or "
                     "`euclidean_squared`");
    ck_assert_str_eq(settle("5"), "2 " PREFIX "distance_metric: unknown variant `5`, expected "
                                  "`cosine_distance` or `euclidean_squared`");
    ck_assert_str_eq(
        settle("'cosine_distance'"),
        "3 the `distance_metric` field cannot be provided, namespace configured without vector "
        "indexing");
    ck_assert_str_eq(settle("null"), "");
    ck_assert_str_eq(infer("vector", "[1,2]"), "");
    ck_assert_str_eq(settle(NULL),
                     "3 distance_metric must be specified for write to namespace with a vector");
    ck_assert_str_eq(settle("'euclidean_squared'"), "");
    ck_assert_int_eq(state->metric, MOLA_METRIC_EUCLIDEAN);
    commit();
    ck_assert_str_eq(settle(NULL), "");
    ck_assert_str_eq(settle("'euclidean_squared'"), "");
    ck_assert_str_eq(settle("'cosine_distance'"),
                     "3 distance metric mismatch, expected euclidean_squared, got cosine_distance");
    ck_assert_str_eq(
        apply("{'vector':{'type':'[2]f32','ann':{'distance_metric':'cosine_distance'}}}"), "");
    ck_assert_str_eq(settle(NULL),
                     "3 distance metric mismatch, expected euclidean_squared, got cosine_distance");
    again();
    ck_assert_str_eq(apply("{'v':{'type':'[2]f32','ann':{'distance_metric':'cosine_distance'}}}"),
                     "");
    ck_assert_str_eq(
        settle(NULL),
        "3 `distance_metric` must be specified as a field at the top level of the write request, "
        "not in the `ann` configuration for an attribute");
    ck_assert_str_eq(settle("'cosine_distance'"), "");
    again();
    ck_assert_str_eq(infer("vector", "[1]"), "");
    ck_assert_str_eq(settle("'dot_product'"), ""); /* an extension of ours */
    ck_assert_str_eq(mola_metric_name(state->metric), "dot_product");
    ck_assert_int_eq(mola_metric_parse(MOLA_STR("dot_product")), MOLA_METRIC_DOT);
    ck_assert_int_eq(mola_metric_parse(MOLA_STR("none")), MOLA_METRIC_NONE);
}
END_TEST

START_TEST(eight_vectors_and_1023_other_names_are_the_most)
{
    for (int i = 0; i < 9; i++) {
        mola_buf_print(&out, "%c'v%d':{'type':'[2]f32','ann':true}", i ? ',' : '{', i);
        if (i < 7)
            continue;
        size_t len = out.len;
        mola_buf_add_str(&out, MOLA_STR("}"));
        mola_buf_add_char(&out, '\0');
        ck_assert_str_eq(apply(out.data), "");
        ck_assert_str_eq(settle("'cosine_distance'"),
                         i == 7 ? "" : "3 a namespace can have at most 8 vector attributes");
        out.len = len;
    }
    again();
    mola_state *large = mola_state_copy(&heap, state, 1024);
    mola_state_unref(state);
    state = large;
    for (int i = 0; i < 1024; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "a%d", i);
        ck_assert_str_eq(infer(name, "1"), "");
        drop_docs();
        ck_assert_str_eq(settle(NULL),
                         i < 1023 ? "" : "3 a namespace can have at most 1024 attribute names");
    }
}
END_TEST

START_TEST(names_are_at_most_128_bytes)
{
    char name[130];
    memset(name, 'n', sizeof name);
    ck_assert_int_eq(mola_schema_check_name((mola_str){name, 128}, &why), MOLA_OK);
    ck_assert_int_eq(mola_schema_check_name((mola_str){name, 129}, &why), MOLA_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema");
    TCase *schemas = tcase_create("schemas");
    tcase_add_checked_fixture(schemas, set_up_states, tear_down_states);
    tcase_add_test(schemas, wrong_shapes_are_422_in_the_words_of_the_service);
    tcase_add_test(schemas, definitions_are_refused_with_the_documented_words);
    tcase_add_test(schemas, a_type_never_changes_and_the_error_names_the_attribute);
    tcase_add_test(schemas, updates_merge_by_section_5_4);
    tcase_add_test(schemas, leaving_pre_tokenized_text_restores_the_defaults);
    tcase_add_test(schemas, the_views_are_those_of_section_5_5);
    tcase_add_test(schemas, dropped_names_come_back_as_other_attributes);
    tcase_add_test(schemas, types_are_inferred_by_section_4_6);
    tcase_add_test(schemas, empty_lists_become_concrete_in_place);
    tcase_add_test(schemas, vectors_come_with_the_namespace_or_never);
    tcase_add_test(schemas, the_metric_follows_section_5_2);
    tcase_add_test(schemas, eight_vectors_and_1023_other_names_are_the_most);
    tcase_add_test(schemas, names_are_at_most_128_bytes);
    suite_add_tcase(suite, schemas);
    return run(suite);
}
