// The official TypeScript SDK, unmodified: node sdk.mjs BASE_URL write|read. Prints OK at the end.
import assert from 'node:assert/strict';
import { Turbopuffer } from '@turbopuffer/turbopuffer';

const [baseURL, step] = process.argv.slice(2);
const client = new Turbopuffer({ apiKey: 'tpuf_any', baseURL });
const ns = client.namespace('typescript');
const scan = async () => (await ns.query({ rank_by: ['id', 'asc'], limit: 100, include_attributes: true })).rows;

const documents = [
  { id: 1, vector: [0.1, 0.2], title: 'one', n: 1, tags: ['a', 'b'], on: true },
  { id: 2, vector: [0, 0], title: 'zwei €', n: -5 },
  { id: 3, vector: [0.7, 0.7], tags: [] },
];

async function write() {
  assert.equal(await ns.exists(), false);
  const answer = await ns.write({
    upsert_rows: documents, distance_metric: 'cosine_distance',
    schema: { title: { type: 'string', filterable: true }, when: 'datetime', u: 'uuid' },
  });
  assert.equal(answer.rows_affected, 3);
  assert.equal(answer.rows_upserted, 3);
  assert.deepEqual(await scan(), documents);
  await ns.write({ upsert_columns: { id: [4, 5], vector: [[1, 0], [0, 1]], u: [null, '01234567-89AB-CDEF-0123-456789ABCDEF'],
    when: ['2024-03-02', null] } });
  const near = await ns.query({ rank_by: ['vector', 'ANN', [0.5, 0.5]], top_k: 2, filters: ['n', 'NotEq', 1] });
  assert.deepEqual(near.rows.map((row) => [row.id, row.$dist]).slice(0, 1), [[3, 0]]);
  assert.ok(near.performance.server_total_ms > 0 && near.performance.query_execution_ms > 0);
  assert.equal(near.billing.billable_logical_bytes_queried, 256000000);
  assert.equal((await ns.write({ deletes: [2] })).rows_affected, 1);

  const schema = await ns.schema();
  assert.deepEqual(schema.vector, { type: '[2]f32', ann: true, filterable: null, full_text_search: null });
  assert.deepEqual(schema.id, { type: 'uint', filterable: null, full_text_search: null });
  const metadata = await ns.metadata();
  assert.deepEqual(Object.keys(metadata).sort(), ['approx_logical_bytes', 'approx_row_count', 'created_at', 'encryption', 'index',
    'last_write_at', 'schema', 'updated_at']);
  assert.deepEqual(metadata.index, { status: 'up-to-date' });
  assert.deepEqual(metadata.encryption, { mode: 'default' });

  await assert.rejects(() => client.namespace('nowhere').query({ rank_by: ['id', 'asc'], limit: 1 }), Turbopuffer.NotFoundError);
  await assert.rejects(() => ns.write({ upsert_rows: [{ id: 9, vector: [1] }] }), (error) =>
    error instanceof Turbopuffer.BadRequestError && error.message.includes('vector'));
  await assert.rejects(() => ns.query({ rank_by: ['id', 'asc'], limit: 1, consistency: 'eventual' }), (error) =>
    error instanceof Turbopuffer.UnprocessableEntityError && error.message.includes('expected struct Consistency'));
  const names = [];
  for await (const entry of client.namespaces({ prefix: 'type', page_size: 1 })) names.push(entry.id);
  assert.deepEqual(names, ['typescript']);
}

async function read() {
  const rows = await scan();
  assert.deepEqual(rows.map((row) => row.id), [1, 3, 4, 5]);
  assert.deepEqual(rows[0], documents[0]);
  assert.deepEqual(rows[2], { id: 4, vector: [1, 0], when: '2024-03-02T00:00:00.000000000Z' });
  assert.equal(rows[3].u, '01234567-89ab-cdef-0123-456789abcdef');
  const zipped = new Turbopuffer({ apiKey: 'k', baseURL, compression: true }).namespace('typescript-gzip');
  await zipped.write({ upsert_rows: [{ id: 1, vector: Array(4096).fill(0.25) }, { id: 2, vector: Array(4096).fill(0.5) }],
    distance_metric: 'euclidean_squared' });
  assert.equal((await zipped.query({ rank_by: ['id', 'asc'], limit: 2, include_attributes: true })).rows[1].vector.length, 4096);
  await ns.deleteAll();
  assert.equal(await ns.exists(), false);
}

await (step === 'write' ? write() : read());
console.log('OK');
