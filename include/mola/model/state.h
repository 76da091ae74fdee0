/* state.h - everything about a namespace but its rows: schema and settings at one sequence number.
 *
 * Immutable and reference-counted once it is shared; a change makes a copy. Attributes are known by
 * a stable id, never reused: a dropped and re-added name is another attribute. Every change travels
 * in the log (protocol I12) as the whole new state. */
#pragma once
#include "mola/base/ref.h"
#include "mola/model/column.h"
#include "mola/model/embed.h"

enum {
    MOLA_ATTR_ID = 0,
    MOLA_ATTRS_MAX = 1024,
    MOLA_ATTR_NAME_BYTES_MAX = 128,
    MOLA_VECTOR_ATTRS_MAX = 8,
    MOLA_EMBEDS_MAX = 4,
    MOLA_PARENT_BYTES_MAX = 128
};
/* Ids with this bit are no attributes but columns that were made from one, in segments
 * (format/postings.h). */
#define MOLA_ATTR_DERIVED UINT32_C(0x80000000)
typedef enum {
    MOLA_METRIC_NONE = 0,
    MOLA_METRIC_COSINE = 1,
    MOLA_METRIC_EUCLIDEAN = 2,
    MOLA_METRIC_DOT = 3
} mola_metric_kind;

/* full_text_search, reference 6.1. */
typedef struct {
    float k1, b, k3;
    uint8_t tokenizer, language; /* mola_tokenizer, mola_text_language */
    uint16_t max_token_length;
    bool stemming, remove_stopwords, ascii_folding, case_sensitive;
} mola_fts;

typedef struct {
    uint32_t id; /* >= 1; 0 is the document id */
    mola_str name;
    mola_type type;
    bool filterable, regex, glob, fuzzy;
    bool ann, late_interaction, sparse_knn;
    uint8_t ann_metric; /* mola_metric_kind given inside `ann`; NONE: not given */
    bool has_fts;
    mola_fts fts;
} mola_attr;

/* The texts of one attribute become vectors of another (reference 5.6). */
typedef struct {
    uint32_t source, target; /* ids of attributes */
    uint8_t model_bytes;     /* at least 1 */
    char model[MOLA_MODEL_BYTES_MAX];
} mola_embed;

typedef struct mola_state {
    mola_ref ref;
    mola_heap *heap;
    size_t bytes;    /* of this block */
    uint8_t id_type; /* mola_elem UINT, UUID or STRING; NONE: no document and no declaration yet */
    uint8_t metric;  /* mola_metric_kind */
    bool read_only;
    uint32_t pinned_replicas;           /* 0: not pinned */
    uint32_t shards;                    /* 0: not given */
    char parent[MOLA_PARENT_BYTES_MAX]; /* a branch: the name that it was branched from */
    uint8_t parent_bytes;               /* 0: it is no branch */
    uint32_t next_attr;                 /* the id that the next new attribute gets */
    uint32_t attr_count;
    mola_attr *attrs; /* in order of creation */
    mola_embed embeds[MOLA_EMBEDS_MAX];
    uint32_t embed_count;
} mola_state;

mola_state *mola_state_new(mola_heap *heap); /* empty, one owner; NULL: no memory */
/* A copy with room for `more` further attributes (up to 2,048: more names than a namespace may have
 * are refused anyway), to be changed before it is shared. */
mola_state *mola_state_copy(mola_heap *heap, const mola_state *state, uint32_t more);
/* Says whose branch it is; empty: it is none. Of a state that is not shared yet. */
void mola_state_set_parent(mola_state *state, mola_str parent);
static inline mola_str mola_state_parent(const mola_state *state)
{
    return (mola_str){state->parent, state->parent_bytes};
}
void mola_state_ref(mola_state *state);
void mola_state_unref(mola_state *state); /* NULL: nothing to do */
bool mola_state_eq(const mola_state *a,
                   const mola_state *b); /* same content, attribute ids included */

/* A state with this attribute alone, in the arena: nobody counts references to it, and it borrows
 * the name. NULL: no memory. */
const mola_state *mola_state_of_one(mola_arena *arena, const mola_attr *attr, uint8_t id_type);

const mola_attr *mola_state_find(const mola_state *state, mola_str name);
const mola_attr *mola_state_attr(const mola_state *state, uint32_t id);
/* The attributes of `state` in rising order of their ids, in the arena. NULL: no memory. */
const mola_attr **mola_state_sorted(const mola_state *state, mola_arena *arena);
uint32_t mola_state_vector_count(const mola_state *state);
/* What becomes of the texts of an attribute, and whose vectors one holds. NULL: nothing, nobody's.
 */
const mola_embed *mola_state_embed_of(const mola_state *state, uint32_t source);
const mola_embed *mola_state_embed_into(const mola_state *state, uint32_t target);

/* Image: part of log entries and manifests. Decoding checks every byte: MOLA_CORRUPT; MOLA_INVALID
 * when it needs a newer reader; MOLA_NO_MEMORY. */
void mola_state_encode(mola_buf *out, const mola_state *state);
mola_err mola_state_decode(mola_heap *heap, mola_str image, mola_state **out) MOLA_NODISCARD;
