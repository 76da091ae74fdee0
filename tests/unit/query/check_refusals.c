#include "query/ask.h"
#include <check.h>

/* Clients and SDK suites tell errors apart by status and by words: the table pins both. A refused
 * query must also leave nothing behind (the fixture counts the heap). */

static fixture f;
static world w;

static const char schema[] =
    "{\"id\":\"uint\",\"s\":\"string\",\"n\":\"int\",\"u\":\"uint\",\"x\":\"float\",\"b\":\"bool\","
    "\"d\":\"datetime\","
    "\"g\":\"uuid\",\"tags\":\"[]string\",\"blob\":\"bytes\",\"off\":{\"type\":\"int\","
    "\"filterable\":false},"
    "\"vector\":{\"type\":\"[2]f32\",\"ann\":true},\"mv\":{\"type\":\"[][2]f32\"},"
    "\"sp\":{\"type\":\"{}f16\",\"sparse_knn\":{\"distance_metric\":\"dot_product\"}},\"plain\":\"{"
    "}f16\","
    "\"t\":{\"type\":\"string\",\"full_text_search\":true},\"rx\":{\"type\":\"string\",\"regex\":"
    "true},"
    "\"fz\":{\"type\":\"string\",\"fuzzy\":true}}";

static void set_up(void)
{
    fixture_open(&f);
    world_open(&w, &f, schema, "[{\"id\":1,\"n\":1,\"vector\":[1,2]}]", MOLA_METRIC_EUCLIDEAN, NULL,
               0);
}

static void tear_down(void)
{
    world_close(&w);
    fixture_close(&f);
}

typedef struct {
    const char *body;
    mola_err err;
    const char *words;
} refusal;
#define S                  MOLA_SHAPE
#define I                  MOLA_INVALID
#define ID_ASC             "\"rank_by\":[\"id\",\"asc\"],\"limit\":3"
#define F(filter)          "{" ID_ASC ",\"filters\":" filter "}"
#define R(rank)            "{\"limit\":3,\"rank_by\":" rank "}"
#define C(computed)        "{" ID_ASC ",\"compute_attributes\":" computed "}"
#define A(functions, rest) "{\"aggregate_by\":" functions rest "}"
#define COUNT              "{\"c\":[\"Count\"]}"
#define PREFIX             "Failed to deserialize the JSON body into the target type: "
#define NO_FILTER          PREFIX "filters: data did not match any variant of untagged enum FilterInput"
#define NO_RANK            PREFIX "rank_by: data did not match any variant of untagged enum RankInput"
#define NO_LIMIT           "data did not match any variant of untagged enum LimitInput"

static const refusal refusals[] = {
    /* the body */
    {"[]", S, "invalid type: sequence, expected struct QueryRequest"},
    {"3", S, "invalid type: integer `3`, expected struct QueryRequest"},
    {"{}", I, "rank_by queries must specify top_k or limit"},
    /* consistency, encoding: looked at first */
    {"{\"consistency\":\"eventual\"}", S,
     PREFIX "consistency: invalid type: string \"eventual\", expected struct Consistency"},
    {"{\"consistency\":{}}", S, PREFIX "consistency: missing field `level`"},
    {"{\"consistency\":{\"level\":\"nonexistentvalue\"}}", S,
     "unknown variant `nonexistentvalue`, expected `strong` or `eventual`"},
    {"{\"consistency\":{\"level\":3}}", S, "unknown variant `3`"},
    {"{\"consistency\":{\"level\":\"eventual\",\"max_staleness_seconds\":-1}}", S,
     "max_staleness_seconds: invalid type: integer `-1`"},
    {"{\"consistency\":{\"level\":\"eventual\",\"max_staleness_seconds\":\"1\"}}", S,
     "max_staleness_seconds: invalid type: string \"1\""},
    {"{\"consistency\":{\"level\":\"eventual\",\"max_staleness_seconds\":1.5}}", S,
     "max_staleness_seconds"},
    {"{\"vector_encoding\":\"bad\"}", S,
     PREFIX "vector_encoding: unknown variant `bad`, expected `float` or `base64`"},
    /* limits */
    {"{\"rank_by\":[\"id\",\"asc\"]}", I, "rank_by queries must specify top_k or limit"},
    {"{\"limit\":0}", I, "top_k must be between 1 and 10000"},
    {"{\"limit\":10001}", I, "top_k must be between 1 and 10000"},
    {"{\"limit\":99999999999999999999999}", I, "top_k must be between 1 and 10000"},
    {"{\"limit\":null}", I, "top_k must be between 1 and 10000"},
    {"{\"limit\":-1}", S, PREFIX "limit: " NO_LIMIT},
    {"{\"limit\":1.5}", S, NO_LIMIT},
    {"{\"limit\":\"3\"}", S, NO_LIMIT},
    {"{\"top_k\":-1}", S, PREFIX "top_k: " NO_LIMIT},
    {"{\"top_k\":{\"total\":1}}", S, NO_LIMIT},
    {"{\"limit\":{}}", S, PREFIX "limit: missing field `total`"},
    {"{\"limit\":{\"total\":3,\"per\":3}}", S, NO_LIMIT},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":null,\"limit\":1}}}", S, NO_LIMIT},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":[1],\"limit\":1}}}", S, NO_LIMIT},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":[\"n\"]}}}", S, NO_LIMIT},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":[],\"limit\":1}}}", I,
     "limit.per.attributes must not be empty"},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":[\"n\"],\"limit\":4}}}", I,
     "limit.per.limit must be between 1 and limit.total"},
    {"{\"limit\":{\"total\":3,\"per\":{\"attributes\":[\"zz\"],\"limit\":1}}}", I,
     "attribute `zz` not found in schema"},
    {"{" ID_ASC ",\"offset\":-1}", S, PREFIX "offset: invalid type: integer `-1`, expected usize"},
    {"{" ID_ASC ",\"offset\":\"1\"}", S, "offset: invalid type: string \"1\", expected usize"},
    {"{" ID_ASC ",\"offset\":9998}", I, "offset + limit must be at most 10000"},
    {"{" ID_ASC ",\"offset\":18446744073709551615}", I, "offset + limit must be at most 10000"},
    {"{\"limit\":3,\"offset\":1}", I, "offset requires rank_by"},
    /* columns */
    {"{" ID_ASC ",\"include_attributes\":3}", S,
     "include_attributes: data did not match any variant of untagged enum IncludeAttributes"},
    {"{" ID_ASC ",\"include_attributes\":[1]}", S, "IncludeAttributes"},
    {"{" ID_ASC ",\"include_attributes\":[\"zz\"]}", I,
     "attribute \"zz\" not found in schema, cannot be part of `include_attributes`. consider "
     "passing `include_attributes=True`"},
    {"{" ID_ASC ",\"exclude_attributes\":true}", S,
     "exclude_attributes: invalid type: boolean `true`, expected a sequence"},
    {"{" ID_ASC ",\"exclude_attributes\":[\"id\"]}", I, "exclude_attributes cannot contain `id`"},
    {"{" ID_ASC ",\"include_attributes\":false,\"exclude_attributes\":[]}", I,
     "cannot specify both include_attributes and exclude_attributes"},
    {"{" ID_ASC ",\"distance_metric\":\"manhattan\"}", S,
     "distance_metric: unknown variant `manhattan`"},
    {"{" ID_ASC ",\"distance_metric\":\"cosine_distance\"}", I,
     "Distance metric mismatch: namespace uses euclidean_squared, query uses cosine_distance"},
    /* rank_by */
    {R("\"id\""), S, NO_RANK},
    {R("{}"), S, NO_RANK},
    {R("[]"), I, "rank_by cannot be empty"},
    {R("[\"id\"]"), S, NO_RANK},
    {R("[\"id\",\"up\"]"), S, NO_RANK},
    {R("[[\"id\",\"asc\"],[\"n\",\"up\"]]"), S, NO_RANK},
    {R("[\"id\",\"Frob\",1]"), S, NO_RANK},
    {R("[\"zz\",\"asc\"]"), I, "attribute `zz` not found in schema"},
    {R("[\"tags\",\"asc\"]"), I, "cannot rank by attribute `tags` of type []string"},
    {R("[\"vector\",\"asc\"]"), I, "cannot rank by attribute `vector` of type [2]f32"},
    {R("[\"blob\",\"desc\"]"), I, "cannot rank by attribute `blob` of type bytes"},
    {R("[\"off\",\"asc\"]"), I, "cannot rank by attribute `off`: attribute is not filterable"},
    {R("[[\"n\",\"asc\"],[\"n\",\"asc\"],[\"n\",\"asc\"],[\"n\",\"asc\"],[\"n\",\"asc\"],[\"n\","
       "\"asc\"],[\"n\",\"asc\"],[\"n\",\"asc\"],[\"n\",\"asc\"]]"),
     I, "rank_by can order by at most 8 attributes"},
    /* vectors */
    {R("[\"vector\",\"ANN\",3]"), S, NO_RANK},
    {R("[\"vector\",\"ANN\",{}]"), S, NO_RANK},
    {R("[\"zz\",\"ANN\",[1]]"), I, "attribute `zz` not found in schema"},
    {R("[\"n\",\"ANN\",[1]]"), I, "attribute `n` is not a vector attribute"},
    {R("[\"vector\",\"ANN\",[1]]"), I,
     "invalid query vector length for attribute `vector`, expected 2"},
    {R("[\"vector\",\"ANN\",[]]"), I,
     "invalid query vector length for attribute `vector`, expected 2"},
    {R("[\"vector\",\"ANN\",[1,true]]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"ANN\",[1,1e39]]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"ANN\",[1,1e39,3]]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"ANN\",\"%%%\"]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"ANN\",\"AAAAAA==\"]"), I,
     "invalid query vector length for attribute `vector`"},
    {R("[\"vector\",\"ANN\",\"AACAfwAAgH8=\"]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"ANN\",[[1,2]]]"), I, "invalid query vector for attribute `vector`"},
    {R("[\"vector\",\"kNN\",[1,2]]"), I, "kNN queries require filters"},
    {R("[\"vector\",\"ANN\",[\"Embed\",\"text\"]]"), I,
     "native embedding is not enabled on this server: set --embedding-url"},
    {R("[\"mv\",\"ANN\",[[1,2]]]"), I,
     "ANN on multi-vector attribute `mv` requires late_interaction"},
    {R("[\"mv\",\"kNN\",[1,2]]"), I, "invalid query vector for attribute `mv`"},
    {R("[\"mv\",\"kNN\",[[1,2],[1]]]"), I,
     "invalid query vector length for attribute `mv`, expected 2"},
    {R("[\"mv\",\"kNN\",[[1,2],3]]"), I, "invalid query vector for attribute `mv`"},
    /* scores */
    {R("[\"Sum\",[[\"n\",\"Eq\",1],2]]"), I,
     "Sum aggregations can only contain other text queries"},
    {R("[\"Sum\",[]]"), I, "Sum needs at least one clause"},
    {R("[\"Sum\",3]"), S, NO_RANK},
    {R("[\"Max\",[-1,[\"n\",\"Eq\",1]]]"), I,
     "Scalar values in rank_by must be non-negative, got -1"},
    {R("[\"Product\",[\"n\",\"Eq\",1],[\"n\",\"Eq\",1]]"), S, NO_RANK},
    {R("[\"Product\",1,2]"), S, NO_RANK},
    {R("[\"Product\",-2,[\"n\",\"Eq\",1]]"), I, "must be non-negative, got -2"},
    {R("[\"Product\",1e999,[\"n\",\"Eq\",1]]"), I, "must be non-negative, got 1e999"},
    {R("[\"Attribute\",\"n\"]"), I,
     "Wrap this clause under a [\"Max\", [0, <clause>]] to fix this."},
    {R("[\"Attribute\",\"s\"]"), I,
     "rank_by attribute clauses need a numeric attribute, but 's' is string"},
    {R("[\"Attribute\",\"zz\"]"), I, "attribute `zz` not found in schema"},
    {R("[\"Attribute\",3]"), S, NO_RANK},
    {R("[\"Saturate\",[\"Attribute\",\"u\"],{}]"), S, NO_RANK},
    {R("[\"Saturate\",[\"Attribute\",\"u\"],{\"midpoint\":1,\"x\":1}]"), S, NO_RANK},
    {R("[\"Saturate\",[\"Attribute\",\"u\"],{\"midpoint\":0}]"), I,
     "Saturate needs a positive midpoint and exponent"},
    {R("[\"Decay\",[\"Attribute\",\"u\"],{\"midpoint\":1,\"exponent\":0}]"), I,
     "Decay needs a positive midpoint and exponent"},
    {R("[\"Decay\",[\"Attribute\",\"u\"],{\"midpoint\":1,\"exponent\":null}]"), S, NO_RANK},
    {R("[\"Decay\",[\"Dist\",[\"Attribute\",\"n\"],0],{\"midpoint\":\"1d\"}]"), I,
     "invalid midpoint `1d`"},
    {R("[\"Decay\",[\"Dist\",[\"Attribute\",\"d\"],\"2024-01-01\"],{\"midpoint\":\"1y\"}]"), I,
     "invalid midpoint `1y`"},
    {R("[\"Decay\",[\"Dist\",[\"Attribute\",\"d\"],\"2024-01-01\"],{\"midpoint\":\"1.d\"}]"), I,
     "invalid midpoint `1.d`"},
    {R("[\"Dist\",[\"Attribute\",\"n\"],\"x\"]"), I,
     "invalid Dist origin for attribute 'n' of type int"},
    {R("[\"Dist\",[\"Attribute\",\"n\"],1.5]"), I,
     "invalid Dist origin for attribute 'n' of type int"},
    {R("[\"Dist\",[\"Attribute\",\"d\"],3]"), I,
     "invalid Dist origin for attribute 'd' of type datetime"},
    {R("[\"Dist\",[\"Attribute\",\"s\"],\"x\"]"), I,
     "invalid Dist origin for attribute 's' of type string"},
    {R("[\"Dist\",[\"n\"],1]"), S, NO_RANK},
    {R("[\"sp\",\"SparseKNN\",[1]]"), S, NO_RANK},
    {R("[\"sp\",\"SparseKNN\",{\"a\":\"b\"}]"), I, "invalid sparse vector for attribute 'sp'"},
    {R("[\"sp\",\"SparseKNN\",{\"a\":1e9}]"), I, "attribute 'sp': sparse weight out of range"},
    {R("[\"plain\",\"SparseKNN\",{\"a\":1}]"), I,
     "attribute `plain` is not enabled for SparseKNN; this requires a schema update"},
    {R("[\"s\",\"BM25\",\"x\"]"), I,
     "rank_by field \"s\" is not enabled for full-text search; this requires a schema update"},
    {R("[\"id\",\"BM25\",\"x\"]"), I, "attribute `id` not found in schema"},
    {R("[\"t\",\"BM25\",[\"quick\",\"fish\"]]"), I,
     "invalid input '[quick, fish]' for rank_by field \"t\", expecting string"},
    {R("[\"t\",\"BM25\",3]"), S, NO_RANK},
    {R("[\"t\",\"BM25\",\"x\",{\"y\":1}]"), S, NO_RANK},
    /* filters */
    {F("[]"), S, NO_FILTER},
    {F("\"x\""), S, NO_FILTER},
    {F("[\"n\",\"Eq\"]"), S, NO_FILTER},
    {F("[\"n\",\"Frob\",1]"), S, NO_FILTER},
    {F("[\"n\",\"Eq\",1,2]"), S, NO_FILTER},
    {F("[\"n\",\"Eq\",1,{},3]"), S, NO_FILTER},
    {F("[3,\"Eq\",1]"), S, NO_FILTER},
    {F("[\"And\",3]"), S, NO_FILTER},
    {F("[\"And\",[3]]"), S, NO_FILTER},
    {F("[\"Not\",[]]"), S, NO_FILTER},
    {F("[\"n\",\"In\",[1,null]]"), S, NO_FILTER},
    {F("[\"n\",\"In\",[1,\"a\"]]"), S, NO_FILTER},
    {F("[\"tags\",\"ContainsAny\",[[\"a\"]]]"), S, NO_FILTER},
    {F("[\"zz\",\"Eq\",1]"), I, "filter error in key `zz`: attribute not found in schema"},
    {F("[\"id\",\"Gt\",\"1\"]"), I,
     "filter error in key `id`: type mismatch, Gt expects uint, but got \"1\""},
    {F("[\"id\",\"Eq\",-1]"), I, "type mismatch, Eq expects uint, but got -1"},
    {F("[\"n\",\"Eq\",\"x\"]"), I, "type mismatch, Eq expects int, but got \"x\""},
    {F("[\"n\",\"Eq\",1.0]"), I, "type mismatch, Eq expects int, but got 1.0"},
    {F("[\"n\",\"In\",null]"), I, "type mismatch, In expects int, but got null"},
    {F("[\"g\",\"Eq\",\"x\"]"), I, "type mismatch, Eq expects uuid"},
    {F("[\"d\",\"Lt\",5]"), I, "type mismatch, Lt expects datetime, but got 5"},
    {F("[\"n\",\"Contains\",1]"), I,
     "type mismatch, Contains needs an array attribute, but `n` is int"},
    {F("[\"tags\",\"Lt\",\"a\"]"), I,
     "type mismatch, Lt needs a scalar attribute, but `tags` is []string"},
    {F("[\"tags\",\"ContainsAny\",\"a\"]"), I,
     "filter error in key `tags`: type mismatch, ContainsAny expects []string, but got \"a\""},
    {F("[\"tags\",\"Contains\",[\"a\"]]"), I,
     "filter error in key `tags`: type mismatch, Contains expects string, but got [\"a\"]"},
    {F("[\"tags\",\"NotContains\",3]"), I, "type mismatch, NotContains expects string, but got 3"},
    {F("[\"tags\",\"Eq\",\"a\"]"), I, "type mismatch, Eq expects []string"},
    {F("[\"tags\",\"AnyLt\",null]"), I, "type mismatch, AnyLt expects string, but got null"},
    {F("[\"off\",\"Eq\",1]"), I,
     "filter error in key `off`: attribute is not filterable; this requires a schema update"},
    {F("[\"blob\",\"Eq\",\"AA==\"]"), I, "attributes of type bytes cannot be filtered"},
    {F("[\"vector\",\"Eq\",1]"), I, "attributes of type [2]f32 cannot be filtered"},
    {F("[\"n\",\"Eq\",{\"$ref_new\":\"n\"}]"), I,
     "filter error in key `n`: an object is not a valid value"},
    {F("[\"n\",\"Glob\",\"1\"]"), I, "type mismatch, Glob expects string, but `n` is int"},
    {F("[\"s\",\"Glob\",4]"), I, "type mismatch, Glob expects string, but got 4"},
    {F("[\"s\",\"Glob\",\"[a\"]"), I, "filter error in key `s`: invalid glob `[a`"},
    {F("[\"s\",\"NotIGlob\",\"{a\"]"), I, "invalid glob `{a`"},
    {F("[\"t\",\"Glob\",\"a\"]"), I, "attribute is not glob; this requires a schema update"},
    {F("[\"s\",\"Regex\",\"a\"]"), I, "attribute is not regex; this requires a schema update"},
    {F("[\"id\",\"Regex\",\"a\"]"), I, "attribute is not regex; this requires a schema update"},
    {F("[\"rx\",\"Regex\",4]"), I, "type mismatch, Regex expects string, but got 4"},
    {F("[\"rx\",\"Regex\",\"(?=a)\"]"), I,
     "filter error in key `rx`: invalid regex: look-around is not supported"},
    {F("[\"rx\",\"Regex\",\"(a\"]"), I, "invalid regex: unclosed group"},
    {F("[\"rx\",\"Regex\",\"(a{1000}){1000}\"]"), I,
     "the regex is too large: at most 4096 bytes, and 4096 steps with repetitions written out"},
    {F("[\"rx\",\"Glob\",\"a\"]"), I, "attribute is not glob; this requires a schema update"},
    {F("[\"s\",\"Fuzzy\",\"a\"]"), S, NO_FILTER},
    {F("[\"s\",\"Fuzzy\",\"a\",{\"max_edit_distance\":[]}]"), I,
     "attribute is not fuzzy; this requires a schema update"},
    {F("[\"fz\",\"Fuzzy\",\"a\",{\"max_edit_distance\":[]}]"), I,
     "filter error in key `fz`: max_edit_distance must not be empty"},
    {F("[\"fz\",\"Fuzzy\",3,{\"max_edit_distance\":[]}]"), I,
     "type mismatch, Fuzzy expects string, but got 3"},
    {F("[\"fz\",\"Fuzzy\",\"a\",{\"max_edit_distance\":[1]}]"), S, NO_FILTER},
    {F("[\"fz\",\"Fuzzy\",\"a\",{\"max_edit_distance\":[{\"min_query_chars\":5,\"distance\":1}]}]"),
     I, "filter error in key `fz`: invalid max_edit_distance"},
    {F("[\"fz\",\"Fuzzy\",\"a\",{\"max_edit_distance\":[{\"min_query_chars\":99,\"distance\":3}]}"
       "]"),
     I, "filter error in key `fz`: invalid max_edit_distance"},
    {F("[\"s\",\"ContainsAllTokens\",\"a\"]"), I,
     "attribute is not enabled for full-text search; this requires a schema update"},
    {F("[\"t\",\"ContainsAnyToken\",\"a\",{\"x\":1}]"), S, NO_FILTER},
    {F("[\"t\",\"ContainsAnyToken\",\"a\",{\"last_as_prefix\":1}]"), S, NO_FILTER},
    {F("[\"t\",\"ContainsTokenSequence\",\"a\",{\"last_as_prefix\":true}]"), I,
     "filter error in key `t`: last_as_prefix is not available on ContainsTokenSequence"},
    {F("[\"t\",\"ContainsAllTokens\",3]"), I,
     "type mismatch, ContainsAllTokens expects string, but got 3"},
    /* compute_attributes */
    {C("[]"), S, PREFIX "compute_attributes: invalid type: sequence, expected a map"},
    {C("{\"c\":3}"), S,
     PREFIX "compute_attributes.c: data did not match any variant of untagged enum RankInput"},
    {C("{\"id\":[\"n\",\"Eq\",1]}"), I, "computed attribute `id` collides with an existing name"},
    {C("{\"n\":[\"n\",\"Eq\",1]}"), I, "computed attribute `n` collides with an existing name"},
    {C("{\"$x\":[\"n\",\"Eq\",1]}"), I, "collides with an existing name"},
    {C("{\"\":[\"n\",\"Eq\",1]}"), I, "collides with an existing name"},
    {C("{\"c\":[\"zz\",\"Eq\",1]}"), I, "filter error in key `zz`: attribute not found in schema"},
    {C("{\"c\":[\"id\",\"asc\"]}"), I,
     "computed attribute `c`: this expression is not allowed in compute_attributes"},
    {C("{\"c\":[\"vector\",\"ANN\",[1,2]]}"), I,
     "this expression is not allowed in compute_attributes"},
    {C("{\"c\":[\"vector\",\"VectorDist\",3]}"), I, "invalid query vector for attribute `vector`"},
    {C("{\"c\":[\"vector\",\"VectorDist\",[1]]}"), I, "invalid query vector length"},
    {C("{\"c\":[\"Highlight\",\"t\",{\"x\":1}]}"), S, "compute_attributes.c: unknown field"},
    {C("{\"c\":[\"Highlight\",\"t\",{\"fragment_by\":\"page\"}]}"), S,
     "unknown variant `page`, expected one of `none`, `sentence`, `paragraph`, `word`"},
    {C("{\"c\":[\"Highlight\",\"t\",{\"fragment_limit\":-1}]}"), S, "invalid fragment_limit"},
    {C("{\"c\":[\"Highlight\",\"t\",{\"fragment_limit\":0}]}"), I,
     "fragment_limit must be between 1 and 1024"},
    {C("{\"c\":[\"Highlight\",\"s\"]}"), I,
     "which is not enabled for full-text search; this requires a schema update"},
    {C("{\"c\":[\"Highlight\",\"t\"]}"), I,
     "cannot infer `rank_fragments_by` because the query `rank_by` has no BM25 clause over `t`"},
    {C("{\"c\":[\"Highlight\",\"t\",{\"rank_fragments_by\":[\"t\",\"BM25\",\"x\"]}]}"), I,
     "attribute `t` not found in schema"},
    /* several at once */
    {"{\"queries\":{}}", S, "queries: invalid type: map, expected a sequence"},
    {"{\"queries\":[3]}", S, "expected struct QueryRequest"},
    {"{\"queries\":[]}", I, "multi-query requests must contain between 1 and 16 queries"},
    {"{\"queries\":[{" ID_ASC "}],\"offset\":1}", I,
     "offset at the root of a multi-query requires rerank_by and limit"},
    {"{\"queries\":[{" ID_ASC "}],\"rerank_by\":[\"Magic\"]}", I, "unknown reranker `Magic`"},
    {"{\"queries\":[{" ID_ASC "}],\"rerank_by\":3}", S,
     "rerank_by: data did not match any variant of untagged enum RerankInput"},
    {"{\"queries\":[{" ID_ASC "}],\"rerank_by\":[\"RRF\",{\"weights\":[0]}]}", I,
     "RRF weights and rank_constant must be positive"},
    {"{" ID_ASC ",\"rerank_by\":[\"RRF\"]}", S, "a single query can only be reranked by a model"},
    {"{" ID_ASC ",\"rerank_by\":{\"model\":\"a\"}}", S, "rerank_by: missing field `attribute`"},
    {"{" ID_ASC ",\"rerank_by\":{\"model\":1,\"attribute\":\"a\",\"query\":\"q\"}}", S,
     "rerank_by.model: invalid type: integer `1`, expected a string"},
    {"{" ID_ASC ",\"rerank_by\":{\"model\":\"m\",\"attribute\":\"s\",\"query\":\"q\"}}", I,
     "reranking by a model is not enabled on this server: set --rerank-url"},
    /* aggregates */
    {"{\"aggregate_by\":[]}", S, "aggregate_by: invalid type: sequence, expected a map"},
    {"{\"aggregate_by\":{\"c\":[\"Frob\"]}}", S,
     "aggregate_by.c: data did not match any variant of untagged enum AggregateInput"},
    {"{\"aggregate_by\":{\"c\":[\"Sum\"]}}", S, "AggregateInput"},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]}," ID_ASC "}", S,
     "rank_by cannot be combined with aggregate_by"},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"group_by\":\"s\"}", S,
     "group_by: invalid type: string \"s\", expected a sequence"},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"group_by\":[3]}", S, "GroupByInput"},
    {"{\"limit\":1,\"group_by\":[\"s\"]}", I, "group_by requires aggregate_by"},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"top_k\":3}", I,
     "limit requires group_by when used with aggregate_by"},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"include_attributes\":true}", I,
     "aggregate_by cannot be combined with include_attributes"},
    {A("{}", ""), I, "aggregate_by requires at least one function"},
    {A("{\"c\":[\"Count\",\"n\"]}", ""), I, "Count over attribute `n` is not supported"},
    {A("{\"c\":[\"Sum\",\"zz\"]}", ""), I, "attribute `zz` not found in schema"},
    {A("{\"c\":[\"Sum\",\"s\"]}", ""), I, "Sum needs a numeric attribute, but `s` is string"},
    {A("{\"s\":[\"Count\"]}", ",\"group_by\":[\"s\"]"), I,
     "aggregate label `s` equals a group_by key"},
    {A(COUNT, ",\"group_by\":[\"s\",\"s\"]"), I, "duplicate field in group_by"},
    {A(COUNT, ",\"group_by\":[\"s\",{\"k\":[\"ForEachUnique\",\"tags\"]},{\"l\":[\"ForEachUnique\","
              "\"ns\"]}]"),
     I, "group_by supports at most one ForEachUnique"},
    {A(COUNT, ",\"group_by\":[\"id\"]"), I, "cannot group by `id`"},
    {A(COUNT, ",\"group_by\":[\"zz\"]"), I, "attribute `zz` not found in schema"},
    {A(COUNT, ",\"group_by\":[\"off\"]"), I,
     "cannot group by attribute `off`: attribute is not filterable"},
    {A(COUNT, ",\"group_by\":[\"vector\"]"), I, "cannot group by attribute `vector`"},
    {A(COUNT, ",\"group_by\":[\"tags\"]"), I, "cannot group by attribute `tags` of type []string"},
    {A(COUNT, ",\"group_by\":[{\"k\":[\"ForEachUnique\",\"s\"]}]"), I,
     "cannot group by attribute `s` of type string"},
    {A(COUNT, ",\"group_by\":[{\"k\":[\"ForEachUnique\",\"s\"],\"l\":1}]"), S, "GroupByInput"},
    {A(COUNT, ",\"filters\":[\"zz\",\"Eq\",1]"), I, "filter error in key `zz`"},
    /* fusion */
    {"{\"queries\":[{" ID_ASC "}],\"rerank_by\":[\"RRF\"]}", I,
     "rerank_by requires at least 2 queries"},
    {"{\"queries\":[{" ID_ASC "},{" ID_ASC "}],\"rerank_by\":[\"RRF\",{\"weights\":[1]}]}", I,
     "RRF got 1 weights for 2 queries"},
    {"{\"queries\":[{" ID_ASC "},{\"aggregate_by\":" COUNT "}],\"rerank_by\":[\"RRF\"]}", I,
     "rerank_by does not support aggregation queries"},
    {"{\"queries\":[{" ID_ASC "},{" ID_ASC "}],\"rerank_by\":[\"RRF\"],\"limit\":10001}", I,
     "limit must be between 1 and 10000"},
    {"{\"queries\":[{" ID_ASC "},{" ID_ASC
     "}],\"rerank_by\":[\"RRF\"],\"limit\":9999,\"offset\":2}",
     I, "offset + limit must be at most 10000"},
    {"{\"queries\":[{" ID_ASC "},{" ID_ASC "}],\"rerank_by\":[\"RRF\"],\"offset\":2}", I,
     "offset at the root of a multi-query requires"},
    {"{\"queries\":[{" ID_ASC "},{\"limit\":3,\"rank_by\":[\"zz\",\"asc\"]}]}", I,
     "attribute `zz` not found in schema"},
};

START_TEST(each_refusal_has_its_status_and_its_words)
{
    const refusal *r = &refusals[_i];
    answer a = ask(&w, r->body);
    ck_assert_msg(a.err == r->err, "%s: %s, not %s: %s", r->body, mola_err_name(a.err),
                  mola_err_name(r->err), a.text);
    ck_assert_msg(strstr(a.text, r->words), "%s: %s", r->body, a.text);
}
END_TEST

/* Nesting and breadth that JSON allows, and nobody needs, are an error and never a crash. */
START_TEST(a_score_has_at_most_1024_clauses)
{
    mola_buf body;
    mola_buf_init(&body, &f.heap);
    mola_buf_print(&body, "{\"limit\":1,\"rank_by\":[\"Sum\",[");
    for (int i = 0; i < 1024; i++)
        mola_buf_print(&body, "%s[\"n\",\"Eq\",1]", i ? "," : "");
    mola_buf_print(&body, "]]}%c", 0);
    answer a = ask(&w, body.data);
    ck_assert_int_eq(a.err, MOLA_INVALID);
    ck_assert(strstr(a.text, "at most 1024 clauses"));
    mola_buf_free(&body);
}
END_TEST

START_TEST(a_multi_query_has_at_most_16_queries)
{
    mola_buf body;
    mola_buf_init(&body, &f.heap);
    for (int count = 16; count <= 17; count++) {
        body.len = 0;
        mola_buf_print(&body, "{\"queries\":[");
        for (int i = 0; i < count; i++)
            mola_buf_print(&body, "%s{\"limit\":1}", i ? "," : "");
        mola_buf_print(&body, "]}%c", 0);
        answer a = ask(&w, body.data);
        ck_assert_int_eq(a.err, count == 16 ? MOLA_OK : MOLA_INVALID);
    }
    mola_buf_free(&body);
}
END_TEST

START_TEST(too_many_computed_attributes_are_refused)
{
    mola_buf body;
    mola_buf_init(&body, &f.heap);
    mola_buf_print(&body, "{" ID_ASC ",\"compute_attributes\":{");
    for (int i = 0; i < 257; i++)
        mola_buf_print(&body, "%s\"c%d\":[\"n\",\"Eq\",1]", i ? "," : "", i);
    mola_buf_print(&body, "}}%c", 0);
    answer a = ask(&w, body.data);
    ck_assert_int_eq(a.err, MOLA_INVALID);
    ck_assert(strstr(a.text, "compute_attributes supports at most 256 attributes"));
    mola_buf_free(&body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusals");
    TCase *cases = tcase_create("refusals");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, each_refusal_has_its_status_and_its_words, 0,
                        sizeof refusals / sizeof *refusals);
    tcase_add_test(cases, a_score_has_at_most_1024_clauses);
    tcase_add_test(cases, a_multi_query_has_at_most_16_queries);
    tcase_add_test(cases, too_many_computed_attributes_are_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
