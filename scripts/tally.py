"""Sums up test logs of Meson: tally.py BROKEN LOG.json... Prints what failed and then `N passed, N failed`.
BROKEN counts what failed before a test could run. A skipped test is a failed one."""
import json
import sys

passed, failures = 0, []
for path in sys.argv[2:]:
    try:
        with open(path) as log:
            results = [json.loads(line) for line in log if line.strip()]
    except OSError as error:
        failures.append(f'{path}: {error}')
        continue
    for result in results:
        if result['result'] == 'OK':
            passed += 1
        else:
            failures.append(f'{result["name"]}: {result["result"]}')
for failure in failures:
    print('failed:', failure)
failed = len(failures) + int(sys.argv[1])
print(f'{passed} passed, {failed} failed')
sys.exit(1 if failed or not passed else 0)
