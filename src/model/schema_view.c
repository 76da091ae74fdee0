/* schema_view.c - a state as the two JSON views of reference 5.5. */
#include "model/fts.h"
#include "mola/codec/print.h"
#include "mola/model/schema.h"

static void open_entry(mola_buf *out, const mola_attr *a)
{
    char type[MOLA_TYPE_TEXT_BYTES];
    size_t len = mola_type_print(a->type, type);
    mola_buf_add_char(out, ',');
    mola_print_string(out, a->name);
    mola_buf_print(out, ":{\"type\":\"%.*s\"", (int)len, type);
}

static void print_flags(mola_buf *out, const mola_attr *a)
{
    if (a->regex)
        mola_buf_add_str(out, MOLA_STR(",\"regex\":true"));
    if (a->glob)
        mola_buf_add_str(out, MOLA_STR(",\"glob\":true"));
    if (a->fuzzy)
        mola_buf_add_str(out, MOLA_STR(",\"fuzzy\":true"));
}

/* The vector named `vector` shows no filterable; other vectors show false. */
static bool hides_filterable(const mola_attr *a)
{
    return a->type.form == MOLA_FORM_DENSE && mola_str_eq(a->name, MOLA_STR("vector"));
}

static const char *truth(bool on)
{
    return on ? "true" : "false";
}

static void print_id_type(mola_buf *out, const mola_state *state)
{
    mola_buf_add_str(out, MOLA_STR("{\"id\":{\"type\":"));
    if (state->id_type == MOLA_ELEM_NONE) {
        mola_buf_add_str(out, MOLA_STR("null"));
    } else {
        mola_buf_print(out, "\"%s\"", mola_elem_name(state->id_type));
    }
}

void mola_schema_print(mola_buf *out, const mola_state *state)
{
    print_id_type(out, state);
    mola_buf_add_str(out, MOLA_STR(",\"filterable\":null,\"full_text_search\":null}"));
    for (uint32_t i = 0; i < state->attr_count; i++) {
        const mola_attr *a = &state->attrs[i];
        open_entry(out, a);
        if (a->ann)
            mola_buf_add_str(out, MOLA_STR(",\"ann\":true"));
        mola_buf_print(out, ",\"filterable\":%s",
                       hides_filterable(a) ? "null" : truth(a->filterable));
        mola_buf_add_str(out, MOLA_STR(",\"full_text_search\":"));
        if (a->has_fts) {
            mola_fts_print(out, &a->fts);
        } else {
            mola_buf_add_str(out, MOLA_STR("null"));
        }
        print_flags(out, a);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, '}');
}

static void print_embed(mola_buf *out, const mola_state *state, const mola_embed *embed)
{
    if (!embed)
        return;
    mola_buf_add_str(out, MOLA_STR(",\"embed\":{\"attribute\":"));
    mola_print_string(out, mola_state_attr(state, embed->target)->name);
    mola_buf_add_str(out, MOLA_STR(",\"model\":"));
    mola_print_string(out, (mola_str){embed->model, embed->model_bytes});
    mola_buf_add_char(out, '}');
}

void mola_schema_print_metadata(mola_buf *out, const mola_state *state)
{
    print_id_type(out, state);
    mola_buf_add_char(out, '}');
    for (uint32_t i = 0; i < state->attr_count; i++) {
        const mola_attr *a = &state->attrs[i];
        open_entry(out, a);
        if (!hides_filterable(a))
            mola_buf_print(out, ",\"filterable\":%s", truth(a->filterable));
        if (a->has_fts) {
            mola_buf_add_str(out, MOLA_STR(",\"full_text_search\":"));
            mola_fts_print_metadata(out, &a->fts);
        }
        print_flags(out, a);
        if (a->ann) {
            mola_buf_print(out, ",\"ann\":{\"distance_metric\":\"%s\"%s}",
                           mola_metric_name(state->metric),
                           a->late_interaction ? ",\"late_interaction\":true" : "");
        }
        if (a->sparse_knn) {
            mola_buf_add_str(out,
                             MOLA_STR(",\"sparse_knn\":{\"distance_metric\":\"dot_product\"}"));
        }
        print_embed(out, state, mola_state_embed_of(state, a->id));
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, '}');
}
