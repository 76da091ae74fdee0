"""Makes the packs of requests in corpus/: what the targets of the language start from.

    python3 collect.py BUILD      (of fuzz targets: see meson.build)

Requests come from the scenarios of tests/api, from the generator and the recording of the model server, and from the
queries that stand in corpus/query one by one. Of all that, libFuzzer keeps what reaches something in the code that
nothing before it does. The same tree gives the same packs. A pack is a text; its inputs are separated by empty lines,
and no JSON has one inside."""
import copy
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
corpus = os.path.join(here, 'corpus')
sys.path[0] = os.path.join(here, '..', 'model')
from gen import FEATURES, Generator  # noqa: E402
sys.path[0] = os.path.join(here, '..', 'api', 'scenarios')  # both have a module called filters
import table  # noqa: E402

STEPS_MAX, BYTES_MAX = 12, 4000
SEEDS, REQUESTS = 40, 60
# The attributes of the model's generator, by those of question.h that have the same type.
NAMES = {'tags': 'ss', 'nums': 'ns', 'f': 'x', 'ts': 'fz'}


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(',', ':'))


def script(steps):
    """Steps of (kind, body) as inputs of fuzz_write."""
    out = [f'{kind} {body if isinstance(body, str) else text(body)}' for kind, body in steps]
    return '\n'.join(line for line in out[:STEPS_MAX] if '\n' not in line)


def old_write(body):
    """Upserts in the words of 2024; None: there are none."""
    rows, columns = body.get('upsert_rows'), body.get('upsert_columns')
    rest = {name: body[name] for name in ('distance_metric', 'schema') if name in body}
    if isinstance(rows, list) and all(isinstance(row, dict) and 'id' in row for row in rows):
        split = [{'id': row['id'], 'vector': row.get('vector'),
                  'attributes': {k: v for k, v in row.items() if k not in ('id', 'vector')}} for row in rows]
        return {'upserts': split, **rest}
    if isinstance(columns, dict) and 'id' in columns:
        attributes = {k: v for k, v in columns.items() if k not in ('id', 'vector')}
        vectors = {'vectors': columns['vector']} if 'vector' in columns else {}
        return {'ids': columns['id'], **vectors, 'attributes': attributes, **rest}
    return None


def in_old_words(kind, body):
    if kind == 'write':
        old = old_write(body)
        return ('old_write', old) if old else (kind, body)
    if kind == 'query' and isinstance(body.get('filters', []), list) and 'rank_by' in body:
        return 'old_query', {**body, 'include_vectors': True}
    return kind, body


# ---- where requests come from: lists of steps (kind, body)

def recorded():
    with open(os.path.join(here, '..', 'unit', 'write', 'golden.json'), encoding='utf-8') as file:
        kinds = {'rows': 'write'}
        for scenario in json.load(file):
            yield [(kinds.get(s['kind'], s['kind']), s['body'].replace('\n', ' ') or '{}') for s in scenario['steps']]


def of_scenarios():
    kinds = {'write': 'write', 'query': 'query', 'multi_query': 'query', 'explain_query': 'query', 'update_schema': 'schema',
             'update_metadata': 'settings', 'delete_all': 'delete'}
    for scenario in table.SCENARIOS.values():
        steps = [s for step in table.for_runner(scenario, False)['steps'] for s in step.get('steps', [step])]
        for name in sorted({s['ns'] for s in steps if 'ns' in s}):
            yield [(kinds[s['op']], s.get('body', {})) for s in steps if s['op'] in kinds and s.get('ns') == name]


def fewer(body):
    """A request of the generator without most of its rows."""
    body = copy.deepcopy(body)
    if isinstance(body, dict):
        for op in ('upsert', 'patch'):
            if isinstance(body.get(f'{op}_rows'), list):
                body[f'{op}_rows'] = body[f'{op}_rows'][:3]
            columns = body.get(f'{op}_columns')
            if isinstance(columns, dict):
                body[f'{op}_columns'] = {k: v[:3] if isinstance(v, list) else v for k, v in columns.items()}
    return body


def generated():
    for seed in range(SEEDS):
        stream = Generator(random.Random(seed), 'n', FEATURES)
        spaces = {}
        for kind, method, path, body in itertools.chain.from_iterable(stream.step() for _ in range(REQUESTS)):
            match = re.fullmatch(r'/v\d/namespaces/([^/?]+)(|/query|/schema|/metadata)', path)
            kinds = {('POST', ''): 'write', ('POST', '/query'): 'query', ('POST', '/schema'): 'schema',
                     ('PATCH', '/metadata'): 'settings', ('DELETE', ''): 'delete'}
            if match and (method, match[2]) in kinds and not (isinstance(body, str) and body.startswith('raw:')):
                spaces.setdefault(match[1], []).append((kinds[method, match[2]], fewer(body) if body is not None else {}))
        for steps in spaces.values():
            for at in range(1, max(len(steps), 2), STEPS_MAX - 1):
                yield steps[:1] + steps[at:at + STEPS_MAX - 1]


# ---- what each target takes of them

def inside(body, member):
    """Every value of a member, at any depth."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name == member:
                yield value
            yield from inside(value, member)
    elif isinstance(body, list):
        for value in body:
            yield from inside(value, member)


def renamed(value):
    if isinstance(value, dict):
        return {NAMES.get(k, k): renamed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v) for v in value]
    return NAMES.get(value, value) if isinstance(value, str) else value


def parsed(body):
    try:
        return json.loads(body) if isinstance(body, str) else body
    except ValueError:
        return None


def inputs():
    """{target: texts, those of people first}"""
    spaces = [*recorded(), *of_scenarios(), *generated()]
    queries, schemas = [], []
    for name in sorted(os.listdir(os.path.join(corpus, 'query'))):
        if not name.endswith('.pack'):
            with open(os.path.join(corpus, 'query', name), encoding='utf-8', errors='surrogateescape') as file:
                queries.append(parsed(file.read()))
    for steps in spaces:
        bodies = [(kind, parsed(body)) for kind, body in steps]
        queries += [renamed(body) for kind, body in bodies if kind == 'query']
        schemas += [body for kind, body in bodies if kind == 'schema']
        schemas += [s for kind, body in bodies if kind == 'write' for s in inside(body, 'schema')]
    writes = [script(steps) for steps in spaces]
    writes += [script(in_old_words(kind, body) if isinstance(body, dict) else (kind, body) for kind, body in steps)
               for steps in spaces[::3]]
    filters = [f for query in queries for f in inside(query, 'filters')]
    filters += [renamed(body[name]) for steps in spaces for kind, body in steps if isinstance(body, dict)
                for name in ('upsert_condition', 'patch_condition', 'delete_condition', 'delete_by_filter') if name in body]
    ranks = [r for query in queries for r in inside(query, 'rank_by')]
    ranks += [c for query in queries for many in inside(query, 'compute_attributes') if isinstance(many, dict) for c in many.values()]
    out = {'write': writes, 'query': map(text, queries), 'schema': map(text, schemas), 'filter': map(text, filters), 'rank': map(text, ranks)}
    return {target: list(dict.fromkeys(t for t in texts if 0 < len(t.encode(errors='surrogateescape')) <= BYTES_MAX))
            for target, texts in out.items()}


def kept(program, texts, folder):
    """Those that a merge into an empty corpus keeps, the shortest ones where there is a choice."""
    raw, small = os.path.join(folder, 'raw'), os.path.join(folder, 'small')
    os.mkdir(raw)
    os.mkdir(small)
    for number, item in enumerate(texts):
        with open(os.path.join(raw, f'{number:06}'), 'wb') as file:
            file.write(item.encode(errors='surrogateescape'))
    subprocess.run([program, '-merge=1', '-use_counters=0', '-max_len=4096', '-timeout=60', small, raw], check=True, capture_output=True)
    found = []
    for name in os.listdir(small):
        with open(os.path.join(small, name), 'rb') as file:
            found.append(file.read())
    order = {item.encode(errors='surrogateescape'): number for number, item in enumerate(texts)}
    return sorted(found, key=order.__getitem__)


def main():
    build = os.path.abspath(sys.argv[1])
    for target, texts in inputs().items():
        with tempfile.TemporaryDirectory() as folder:
            few = kept(os.path.join(build, 'tests/fuzz/fuzz_' + target), texts, folder)
        os.makedirs(os.path.join(corpus, target), exist_ok=True)
        with open(os.path.join(corpus, target, 'requests.pack'), 'wb') as file:
            file.write(b'\n\n'.join(few) + b'\n')
        print(f'{target}: {len(texts)} inputs, {len(few)} kept, {sum(map(len, few))} bytes', flush=True)


if __name__ == '__main__':
    main()
