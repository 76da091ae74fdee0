#!/bin/sh
# search.sh TARGET CORPUS FOUND - ten seconds of search from CORPUS, which is left as it is; what is new
# goes to FOUND, and an input that fails to FOUND-failed-*.
set -eu
mkdir -p "$3"
words=$(dirname "$0")/words/$(basename "$2") # of the language that the target reads, where there is one
[ -f "$words" ] && set -- "$@" -dict="$words"
target=$1 corpus=$2 found=$3
shift 3
exec "$target" "$@" -max_total_time="${MOLA_FUZZ_SECONDS:-10}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -error_exitcode=1 \
    -print_final_stats=1 -artifact_prefix="$found-failed-" "$found" "$corpus"
