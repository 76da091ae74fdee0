// The official TypeScript SDK carries out the scenario table: node runner.mjs TABLE BASE_URL FAULTS_URL. One line of JSON a scenario.
import { readFileSync } from 'node:fs';
import { Turbopuffer } from '@turbopuffer/turbopuffer';

const AT_ONCE = 8;
const DEADLINE_MS = 30000;
const [file, baseURL, faultsURL] = process.argv.slice(2);
const METHODS = { write: 'write', query: 'query', multi_query: 'multiQuery', explain_query: 'explainQuery', recall: 'recall',
  metadata: 'metadata', update_metadata: 'updateMetadata', schema: 'schema', delete_all: 'deleteAll',
  hint_cache_warm: 'hintCacheWarm', copy_from: 'copyFrom', branch_from: 'branchFrom' };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Clients by their options: users keep theirs, too.
const clients = new Map();
function clientOf({ api_key = 'tpuf_any', max_retries = 0, closed, region, through, timeout, ...options }) {
  const key = JSON.stringify([api_key, max_retries, closed, region, through, timeout, options]);
  if (!clients.has(key)) {
    const base = (through ? `${faultsURL}/${through}` : closed ? 'http://127.0.0.1:9' : baseURL) + (region ? '/{region}' : '');
    clients.set(key, new Turbopuffer({ apiKey: api_key, baseURL: base, maxRetries: max_retries, ...(region && { region }),
      ...(timeout && { timeout: timeout * 1000 }), ...options }));
  }
  return clients.get(key);
}

async function rawOf(response) {
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), text,
    parsed: /^[{[]/.test(text) ? JSON.parse(text) : null };
}

async function until(test, pauseMs, words) {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; await pause(pauseMs)) {
    const answer = await test();
    if (answer !== undefined) return answer;
  }
  throw new Error(words);
}

const handlers = {
  exists: (client, step) => client.namespace(step.ns).exists(),
  update_schema: (client, step) => client.namespace(step.ns).updateSchema({ schema: step.body }),
  async list(client, step) {
    const ids = [];
    for await (const entry of client.namespaces(step.body)) ids.push(entry.id);
    return { ids };
  },
  async list_page(client, step) {
    const page = await client.namespaces(step.body);
    return { ids: page.namespaces.map((entry) => entry.id), next_cursor: page.next_cursor };
  },
  // The export loop: pages in the order of ids, the next one behind the last id.
  async scan(client, step) {
    const rows = [];
    for (let pages = 1; ; pages++) {
      const both = [step.body.filters, rows.length ? ['id', 'Gt', rows.at(-1).id] : undefined].filter(Boolean);
      const page = (await client.namespace(step.ns).query({ ...step.body, rank_by: ['id', 'asc'], limit: step.page,
        ...(both.length && { filters: ['And', both] }) })).rows;
      rows.push(...page);
      if (page.length < step.page) return { rows, pages };
    }
  },
  start_copy_from: (client, step) => client.post(`/v2/namespaces/${step.ns}/async?stainless_overload=startCopyFrom`,
    { body: { copy_from_namespace: step.body } }),
  poll: (client, step) => until(async () => {
    const operation = await client.get(`/v1/namespaces/${step.ns}/operations/${step.token}?stainless_overload=pollCopyFrom`);
    return operation.status === 'running' ? undefined : operation;
  }, 50, 'the operation never finished'),
  // Waits until everything written has been indexed, as bulk loaders do.
  settle: (client, step) => until(async () => {
    try {
      return (await client.namespace(step.ns).metadata()).index.status === 'up-to-date' ? {} : undefined;
    } catch (error) {
      if (error instanceof Turbopuffer.NotFoundError) return {};
      throw error;
    }
  }, 20, 'the index never became up to date'),
  async http(client, step) {
    return rawOf(await client[step.method.toLowerCase()](step.path, { body: step.body, headers: step.headers }).asResponse());
  },
  async together(client, step) {
    return { together: await Promise.all(step.steps.map(outcome)) };
  },
};

async function call(step) {
  const client = clientOf(step.client ?? {});
  if (handlers[step.op]) return handlers[step.op](client, step);
  // A write has tries of its own, whatever the client says.
  const promise = client.namespace(step.ns)[METHODS[step.op]](step.body ?? {}, { maxRetries: step.client?.max_retries ?? 0 });
  return step.raw ? rawOf(await promise.asResponse()) : promise;
}

async function outcome(step) {
  try {
    return { ok: await call(step) };
  } catch (error) {
    const about = { class: error.constructor.name, text: String(error) };
    if (error instanceof Turbopuffer.APIError && error.status !== undefined)
      Object.assign(about, { status: error.status, body: error.error, headers: Object.fromEntries(error.headers ?? []) });
    return { error: about };
  }
}

// `rows.0.id` of an answer; undefined where there is no such thing.
const lookedUp = (value, path) => path.split('.').reduce((inner, part) => inner?.[part], value);

// The step with "@name" replaced by what an earlier step saved.
function filled(value, saved) {
  if (typeof value === 'string') return value.startsWith('@') && value.slice(1) in saved ? saved[value.slice(1)] : value;
  if (Array.isArray(value)) return value.map((item) => filled(item, saved));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, saved)]));
}

async function play(scenario) {
  const answers = [];
  const saved = {};
  for (const step of scenario.steps) {
    const answer = await outcome(filled(step, saved));
    answers.push(answer);
    for (const [name, path] of Object.entries(step.save ?? {})) saved[name] = lookedUp(answer.ok, path);
  }
  console.log(JSON.stringify({ name: scenario.name, answers }));
}

const table = JSON.parse(readFileSync(file, 'utf8'));
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let scenario = table.shift(); scenario; scenario = table.shift()) await play(scenario);
}));
process.exit(0);
