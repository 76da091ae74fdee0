#!/bin/sh
# search.sh TARGET CORPUS FOUND - ten seconds of search from CORPUS, which is left as it is; what is new
# goes to FOUND, and an input that fails to FOUND-failed-*.
set -eu
mkdir -p "$3"
target=$1 corpus=$2 found=$3
name=$(basename "$corpus")
words=$(dirname "$0")/words # of the languages that a target reads
set --
case $name in
filter | rank) languages=query ;;
write)
    languages='write query schema'
    set -- -entropic=0 # it reaches so much that keeping account of what is rare takes nine tenths of the time
    ;;
*) languages=$name ;;
esac
for language in $languages; do
    if [ -f "$words/$language" ]; then
        cat "$words/$language"
        set -- "$@" "-dict=$found.words"
    fi
done >"$found.words"
# A pack is a text with an input in each of its paragraphs.
for pack in "$corpus"/*.pack; do
    [ -f "$pack" ] || continue
    rm -rf "$found.packed"
    mkdir "$found.packed"
    awk -v RS= -v folder="$found.packed" '{ file = folder "/" NR; printf "%s", $0 >file; close(file) }' "$pack"
    set -- "$@" "$found.packed"
done
exec "$target" -max_total_time="${MOLA_FUZZ_SECONDS:-10}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -error_exitcode=1 \
    -print_final_stats=1 -artifact_prefix="$found-failed-" "$found" "$corpus" "$@"
