#!/bin/sh
# search.sh TARGET CORPUS FOUND - ten seconds of search from CORPUS, which is left as it is; what is new
# goes to FOUND, and an input that fails to FOUND-failed-*.
set -eu
mkdir -p "$3"
exec "$1" -max_total_time="${MOLA_FUZZ_SECONDS:-10}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$3-failed-" "$3" "$2"
