/* decode.c - a request and a state, give me a plan: schema, inference, conversion, duplicates.
 *
 * The order of the steps is the order in which clients meet errors (reference 7.2): first
 * everything that changes the schema, over all rows; then the values, row after row; then what
 * needs all ids; then the filters. */
#include "write/embedding.h"
#include "write/fields.h"
#include "write/ids.h"
#include "write/plan.h"

enum { SOURCES = 4, STATE_ROOM = 64 };

typedef struct {
    const mola_write_request *request;
    const mola_limits *limits;
    mola_write_plan *plan;
    mola_heap *heap, *state_heap;
    mola_arena *arena;
    mola_why *why;
    mola_write_texts *texts;  /* NULL: nothing is embedded */
    const mola_state *before; /* NULL: the namespace is being created */
    mola_state *state;        /* a changed copy; NULL: as before */
    uint32_t ids_until;       /* attributes with ids below this one fit into the copy */
    mola_fields fields;
    mola_source sources[SOURCES]; /* upserts as rows, as columns; patches as rows, as columns */
    /* for the conversion, by index of the attribute */
    uint32_t *column_of_attr;
    uint32_t dense[MOLA_VECTOR_ATTRS_MAX], dense_count;
    mola_embedding_row embedding;
} decoder;

static mola_err no_memory(decoder *d)
{
    return mola_fail(d->why, MOLA_NO_MEMORY, "not enough memory to decode the write");
}

static const mola_state *current(const decoder *d)
{
    return d->state ? d->state : d->before;
}

/* Makes d->state a copy that may be changed, with room for `more` attributes. */
static mola_err own_state(decoder *d, uint32_t more)
{
    if (d->state && d->ids_until - d->state->next_attr >= more)
        return MOLA_OK;
    uint32_t room = more && more < STATE_ROOM ? STATE_ROOM : more;
    mola_state *copy = mola_state_copy(d->state_heap, current(d), room);
    if (!copy)
        return no_memory(d);
    if (d->state)
        mola_state_unref(d->state);
    d->state = copy;
    d->ids_until = copy->next_attr + room;
    return MOLA_OK;
}

/* -- sources ----------------------------------------------------------------------------------- */

static mola_err open_sources(decoder *d)
{
    const mola_write_request *r = d->request;
    mola_source_of_rows(&d->sources[0], MOLA_OP_UPSERT, r->upsert_rows);
    mola_source_of_rows(&d->sources[2], MOLA_OP_PATCH, r->patch_rows);
    mola_err err = MOLA_OK;
    if (r->upsert_columns.doc) {
        err = mola_source_of_columns(&d->sources[1], MOLA_OP_UPSERT, r->upsert_columns,
                                     "upsert_columns", d->heap, d->arena, d->why);
    }
    if (!err && r->patch_columns.doc) {
        err = mola_source_of_columns(&d->sources[3], MOLA_OP_PATCH, r->patch_columns,
                                     "patch_columns", d->heap, d->arena, d->why);
    }
    d->plan->upserts = d->sources[0].count + d->sources[1].count;
    d->plan->patches = d->sources[2].count + d->sources[3].count;
    d->plan->deletes = mola_json_count(r->deletes);
    return err;
}

typedef mola_err (*visitor)(decoder *d, uint32_t field, bool added, mola_json value);

/* What patch_by_filter sets, as if it were the cells of a last row. */
static mola_err for_patch(decoder *d, visitor visit)
{
    uint32_t place = 0, field;
    for (mola_json v = mola_json_first(d->request->patch); v.doc;
         v = mola_json_next(d->request->patch, v)) {
        mola_str name;
        bool added;
        if (!mola_json_key(v, d->arena, &name))
            return no_memory(d);
        if (mola_str_eq(name, MOLA_STR("id")))
            continue;
        if (!mola_fields_at(&d->fields, name, place++, &field, &added))
            return no_memory(d);
        mola_err err = visit(d, field, added, v);
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* Calls `visit` for every cell of every row, in order. */
static mola_err for_cells(decoder *d, visitor visit)
{
    for (mola_source *s = d->sources; s < d->sources + SOURCES; s++) {
        mola_source_rewind(s);
        while (mola_source_next(s)) {
            for (;;) {
                uint32_t field;
                bool added;
                if (mola_source_cell(s, &d->fields, d->arena, &field, &added))
                    return no_memory(d);
                if (!s->cell.doc)
                    break;
                mola_err err = visit(d, field, added, s->cell);
                if (err)
                    return err;
            }
        }
    }
    return for_patch(d, visit);
}

/* -- step 1: schema and settings --------------------------------------------------------------- */

static mola_err visit_nothing(decoder *d, uint32_t field, bool added, mola_json value)
{
    (void)d, (void)field, (void)added, (void)value;
    return MOLA_OK;
}

static bool is_drop(mola_json definition)
{
    return mola_json_is_set(mola_json_get(definition, MOLA_STR("drop")));
}

/* A request may not drop an attribute and write it (reference 5.7). */
static mola_err check_drops(decoder *d)
{
    bool walked = false;
    for (mola_json v = mola_json_first(d->request->schema); v.doc;
         v = mola_json_next(d->request->schema, v)) {
        mola_str name;
        if (!is_drop(v))
            continue;
        mola_err err = walked ? MOLA_OK : for_cells(d, visit_nothing);
        walked = true;
        if (!err && !mola_json_key(v, d->arena, &name))
            err = no_memory(d);
        if (!err)
            err = mola_schema_check_name(name, d->why);
        if (err)
            return err;
        if (mola_fields_find(&d->fields, name) != MOLA_FIELD_NONE) {
            return mola_fail(d->why, MOLA_INVALID,
                             "attribute '" MOLA_FMT "' is dropped and written in the same request",
                             MOLA_ARG(name));
        }
    }
    if (walked) { /* inference wants to see each name for the first time */
        mola_fields_free(&d->fields);
        mola_fields_init(&d->fields, d->heap);
    }
    return MOLA_OK;
}

static mola_err apply_sharding(decoder *d)
{
    mola_json sharding = d->request->sharding;
    if (!sharding.doc)
        return MOLA_OK;
    uint64_t shards;
    if (!mola_json_u64(mola_json_get(sharding, MOLA_STR("num_shards")), &shards) || shards < 1 ||
        shards > d->limits->shards) {
        return mola_fail(d->why, MOLA_INVALID, "sharding.num_shards must be between 1 and %llu",
                         (unsigned long long)d->limits->shards);
    }
    if (d->before && d->before->shards != shards) {
        return mola_fail(d->why, MOLA_INVALID,
                         "sharding can only be set on the first write to a namespace");
    }
    if (d->before)
        return MOLA_OK;
    mola_err err = own_state(d, 0);
    if (!err)
        d->state->shards = (uint32_t)shards;
    return err;
}

static mola_err apply_schema(decoder *d)
{
    mola_err err = MOLA_OK;
    if (!d->before) {
        mola_state *empty = mola_state_new(d->state_heap);
        if (!empty)
            return no_memory(d);
        d->state = empty;
        d->ids_until = empty->next_attr;
    }
    if (d->request->schema.doc) {
        err = check_drops(d);
        if (!err)
            err = own_state(d, mola_json_count(d->request->schema) + MOLA_EMBEDS_MAX);
        if (!err) {
            err = mola_schema_apply(d->state, d->request->schema,
                                    d->texts ? d->texts->models : NULL, d->arena, d->why);
        }
    }
    return err ? err : apply_sharding(d);
}

/* -- step 2: inference ------------------------------------------------------------------------- */

static mola_err settle_id_type(decoder *d)
{
    if (current(d)->id_type != MOLA_ELEM_NONE)
        return MOLA_OK;
    mola_json id = mola_json_first(d->request->deletes);
    for (uint32_t i = SOURCES; i-- > 0;) { /* the first source that has rows decides */
        mola_source_rewind(&d->sources[i]);
        if (mola_source_next(&d->sources[i]))
            id = d->sources[i].id;
    }
    mola_err err = own_state(d, 0);
    if (!err) {
        d->state->id_type =
            mola_json_kind_of(id) == MOLA_JSON_STRING ? MOLA_ELEM_STRING : MOLA_ELEM_UINT;
    }
    return err;
}

static void look_up(decoder *d, mola_field *field)
{
    const mola_state *state = current(d);
    const mola_attr *attr = mola_state_find(state, field->name);
    field->attr = attr ? (uint32_t)(attr - state->attrs) : MOLA_FIELD_NONE;
    field->settled = attr && attr->type.elem != MOLA_ELEM_UNKNOWN;
}

static mola_err too_many_attributes(decoder *d)
{
    return mola_fail(d->why, MOLA_INVALID, "a namespace can have at most %d attribute names",
                     MOLA_ATTRS_MAX);
}

/* Reference 4.6: the first value that is not null gives an undeclared attribute its type. */
static mola_err visit_to_infer(decoder *d, uint32_t index, bool added, mola_json value)
{
    mola_field *field = &d->fields.fields[index];
    if (added) {
        mola_err err = mola_schema_check_name(field->name, d->why);
        if (err)
            return err;
        look_up(d, field);
    }
    if (field->settled || !mola_json_is_set(value))
        return MOLA_OK;
    bool empty_list = mola_json_kind_of(value) == MOLA_JSON_ARRAY && !mola_json_first(value).doc;
    if (field->attr != MOLA_FIELD_NONE && empty_list)
        return MOLA_OK;
    if (field->attr == MOLA_FIELD_NONE && current(d)->attr_count + 1 >= MOLA_ATTRS_MAX)
        return too_many_attributes(d);
    mola_err err = own_state(d, 1);
    if (!err)
        err = mola_schema_infer(d->state, d->before, field->name, value, d->arena, d->why);
    if (!err)
        look_up(d, field);
    return err;
}

/* Reference 5.2. Most requests repeat the metric that the namespace has: nothing to do. */
static mola_err settle_metric(decoder *d)
{
    mola_json metric = d->request->distance_metric;
    if (!d->state) {
        mola_str text;
        if (!metric.doc)
            return MOLA_OK;
        if (!mola_json_string(metric, d->arena, &text))
            return no_memory(d);
        if (mola_state_vector_count(d->before) && mola_metric_parse(text) == d->before->metric)
            return MOLA_OK;
    }
    mola_err err = own_state(d, 0);
    return err ? err : mola_schema_settle_metric(d->state, d->before, metric, d->why);
}

/* Hands the changed state to the plan, without spare room; or none when nothing has changed. */
static mola_err settle_state(decoder *d)
{
    if (!d->state || (d->before && mola_state_eq(d->state, d->before)))
        return MOLA_OK;
    d->plan->state = mola_state_copy(d->state_heap, d->state, 0);
    return d->plan->state ? MOLA_OK : no_memory(d);
}

static mola_err settle_schema(decoder *d)
{
    mola_err err = apply_schema(d);
    if (!err)
        err = settle_id_type(d);
    if (!err)
        err = for_cells(d, visit_to_infer);
    if (!err && current(d)->attr_count + 1 > MOLA_ATTRS_MAX)
        err = too_many_attributes(d);
    if (!err)
        err = settle_metric(d);
    if (!err && d->state)
        err = mola_schema_check_limits(d->state, d->before, d->limits, d->why);
    return err ? err : settle_state(d);
}

/* -- step 3: values ---------------------------------------------------------------------------- */

static mola_err prepare_columns(decoder *d)
{
    const mola_state *state = current(d);
    d->column_of_attr = mola_new(d->arena, uint32_t, state->attr_count);
    if (!d->column_of_attr)
        return no_memory(d);
    for (uint32_t i = 0; i < state->attr_count; i++) {
        d->column_of_attr[i] = MOLA_FIELD_NONE;
        if (state->attrs[i].type.form != MOLA_FORM_DENSE)
            continue;
        MOLA_ASSERT(d->dense_count < MOLA_VECTOR_ATTRS_MAX);
        d->dense[d->dense_count++] = i;
    }
    mola_type id_type = {.form = MOLA_FORM_SCALAR, .elem = state->id_type};
    mola_column_builder_init(&d->plan->ids, d->heap, id_type);
    return MOLA_OK;
}

static mola_err add_id(decoder *d, mola_json json)
{
    mola_value id;
    mola_err err = mola_id_from_json(json, (mola_elem)current(d)->id_type, d->limits->id_bytes,
                                     d->arena, &id, d->why);
    return err ? err : mola_column_add_value(&d->plan->ids, &id);
}

static mola_err add_cell(decoder *d, const mola_field *field, mola_op op, uint32_t row,
                         mola_json value)
{
    if (field->attr == MOLA_FIELD_NONE) { /* nulls are all that was ever written to it */
        MOLA_ASSERT(!mola_json_is_set(value));
        return MOLA_OK;
    }
    const mola_attr *attr = &current(d)->attrs[field->attr];
    if (op == MOLA_OP_PATCH && attr->type.form == MOLA_FORM_DENSE)
        return mola_fail(d->why, MOLA_INVALID, "patching vectors is currently unsupported");
    mola_err refused = mola_embedding_see(&d->embedding, attr, op, value, d->why);
    if (refused)
        return refused;
    bool is_null = !mola_json_is_set(value);
    if (is_null && op == MOLA_OP_UPSERT)
        return MOLA_OK;
    mola_plan_column *column =
        mola_write_plan_column(d->plan, d->column_of_attr, field->attr, attr->type);
    if (!column)
        return MOLA_NO_MEMORY;
    if (is_null)
        return mola_write_plan_null(d->plan, column, row);
    mola_column_builder *b = &column->builder;
    mola_err err = mola_column_add_absent(b, row - b->rows);
    if (err)
        return err;
    return mola_column_add_json(b, attr->name, attr->filterable, value, d->limits, d->arena,
                                d->why);
}

/* The vector that a row lacks, of its text. *done: that is how it is made. */
static mola_err embed(decoder *d, uint32_t row, uint32_t attr, bool *done)
{
    const mola_attr *target = &current(d)->attrs[attr];
    const float *vector;
    mola_err err =
        mola_embedding_vector(&d->embedding, target, row, d->arena, &vector, done, d->why);
    if (err || !vector)
        return err;
    mola_plan_column *column =
        mola_write_plan_column(d->plan, d->column_of_attr, attr, target->type);
    if (!column)
        return MOLA_NO_MEMORY;
    mola_column_builder *b = &column->builder;
    err = mola_column_add_absent(b, row - b->rows);
    return err ? err : mola_column_add_floats(b, target->name, vector, d->why);
}

/* Every document has all dense vectors (reference 4.1). */
static mola_err check_vectors_of_row(decoder *d, uint32_t row)
{
    for (uint32_t i = 0; i < d->dense_count; i++) {
        uint32_t column = d->column_of_attr[d->dense[i]];
        if (column != MOLA_FIELD_NONE && d->plan->columns[column].builder.rows > row)
            continue;
        bool embedded;
        mola_err err = embed(d, row, d->dense[i], &embedded);
        if (err)
            return err;
        if (embedded)
            continue;
        mola_str name = current(d)->attrs[d->dense[i]].name;
        return mola_fail(d->why, MOLA_INVALID,
                         "document is missing the vector attribute '" MOLA_FMT "'", MOLA_ARG(name));
    }
    return MOLA_OK;
}

static mola_err convert_source(decoder *d, mola_source *source)
{
    mola_source_rewind(source);
    while (mola_source_next(source)) {
        uint32_t row = d->plan->ids.rows;
        mola_err err = add_id(d, source->id);
        mola_embedding_next(&d->embedding);
        while (!err) {
            uint32_t field;
            bool added;
            err = mola_source_cell(source, &d->fields, d->arena, &field, &added);
            if (err || !source->cell.doc)
                break;
            MOLA_ASSERT(!added);
            err = add_cell(d, &d->fields.fields[field], source->op, row, source->cell);
        }
        if (!err && source->op == MOLA_OP_UPSERT)
            err = check_vectors_of_row(d, row);
        if (err)
            return err == MOLA_NO_MEMORY ? no_memory(d) : err;
    }
    return MOLA_OK;
}

static mola_err check_document_sizes(decoder *d, const mola_write_plan *plan)
{
    for (uint32_t row = 0; row < plan->upserts + plan->patches; row++) {
        if (plan->row_bytes[row] > d->limits->document_bytes) {
            return mola_fail(d->why, MOLA_INVALID, "a document exceeds the maximum size of %s",
                             mola_bytes_print(d->limits->document_bytes).text);
        }
    }
    return MOLA_OK;
}

static mola_err add_patch_cell(decoder *d, uint32_t field, bool added, mola_json value)
{
    MOLA_ASSERT(!added);
    return add_cell(d, &d->fields.fields[field], MOLA_OP_PATCH, 0, value);
}

/* What patch_by_filter sets, as a plan of its own with one row. */
static mola_err convert_patch(decoder *d)
{
    if (!d->request->patch.doc)
        return MOLA_OK;
    if (mola_json_get(d->request->patch, MOLA_STR("id")).doc)
        return mola_fail(d->why, MOLA_INVALID, "patch_by_filter cannot patch the `id` attribute");
    mola_write_plan *patch = d->plan->patch = mola_write_plan_new(d->heap);
    if (!patch)
        return MOLA_NO_MEMORY;
    patch->patches = 1;
    decoder one = *d; /* the fields are all known: nothing of it changes but what is set here */
    one.plan = patch;
    one.dense_count = 0;
    mola_err err = prepare_columns(&one);
    mola_value no_id = {.elem = current(d)->id_type, .s = MOLA_STR("")};
    if (!err)
        err = mola_column_add_value(&patch->ids, &no_id);
    if (!err)
        err = for_patch(&one, add_patch_cell);
    if (!err)
        err = mola_write_plan_finish(patch, current(d));
    return err ? err : check_document_sizes(d, patch);
}

/* -- step 4: filters --------------------------------------------------------------------------- */

static mola_err compile(decoder *d, mola_json filter, const char *path, mola_filter_refs refs,
                        const mola_filter **out)
{
    if (!filter.doc)
        return MOLA_OK;
    const mola_filter_tree *tree;
    mola_ctx ctx = {.arena = d->arena, .why = d->why};
    mola_err err = mola_filter_parse(&ctx, filter, path, &tree);
    return err ? err : mola_filter_compile(&ctx, tree, current(d), refs, out);
}

static mola_err compile_filters(decoder *d)
{
    const mola_write_request *r = d->request;
    mola_write_plan *plan = d->plan;
    mola_err err = MOLA_OK;
    for (mola_condition i = 0; i < MOLA_CONDITIONS && !err; i++) {
        err = compile(d, r->conditions[i], mola_condition_name(i), MOLA_REFS_ALLOWED,
                      &plan->conditions[i]);
    }
    if (!err) {
        err = compile(d, r->delete_by_filter, "delete_by_filter", MOLA_REFS_REFUSED,
                      &plan->delete_by_filter);
    }
    if (!err) {
        err = compile(d, r->patch_by_filter, "patch_by_filter.filters", MOLA_REFS_REFUSED,
                      &plan->patch_by_filter);
    }
    return err;
}

static mola_err convert(decoder *d)
{
    mola_err err = prepare_columns(d);
    d->embedding = (mola_embedding_row){.state = current(d), .texts = d->texts};
    for (uint32_t i = 0; !err && i < SOURCES; i++)
        err = convert_source(d, &d->sources[i]);
    if (!err)
        err = convert_patch(d);
    mola_json deletes = d->request->deletes;
    for (mola_json id = mola_json_first(deletes); !err && id.doc; id = mola_json_next(deletes, id))
        err = add_id(d, id);
    if (!err && mola_write_plan_finish(d->plan, current(d)))
        err = no_memory(d);
    if (!err)
        err = check_document_sizes(d, d->plan);
    if (!err)
        err = mola_ids_check_distinct(&d->plan->rows, d->heap, d->arena, d->why);
    return err == MOLA_NO_MEMORY ? no_memory(d) : err;
}

void mola_write_decode(mola_write_plan *plan, const mola_decode *what)
{
    mola_write_plan_reset(plan);
    plan->decoded = true;
    plan->base = what->base;
    if (plan->base)
        mola_state_ref(plan->base);
    decoder d = {.request = what->request,
                 .limits = what->limits,
                 .plan = plan,
                 .heap = plan->heap,
                 .state_heap = what->state_heap,
                 .arena = what->arena,
                 .why = &plan->why,
                 .texts = what->texts,
                 .before = what->base};
    mola_fields_init(&d.fields, plan->heap);
    plan->err = open_sources(&d);
    if (!plan->err)
        plan->err = settle_schema(&d);
    if (!plan->err)
        plan->err = convert(&d);
    if (!plan->err)
        plan->err = compile_filters(&d);
    if (!plan->err && d.embedding.is_missing)
        plan->err = mola_embedding_missing(&plan->why);
    for (uint32_t i = 0; i < SOURCES; i++)
        mola_source_close(&d.sources[i]);
    mola_fields_free(&d.fields);
    if (d.state)
        mola_state_unref(d.state);
    MOLA_ASSERT(plan->err || plan->base || plan->state);
}
