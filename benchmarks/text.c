/* text - how fast text becomes terms.
 *
 *     ninja -C build-release benchmarks/bench_text
 *     build-release/benchmarks/bench_text FILE [repetitions]
 *
 * FILE is plain text, read whole. Each line is the best of the repetitions, in CPU time of the one
 * thread; MB are of text. */
#include "mola/text/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static mola_str read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long size = ftell(file);
    char *data = size > 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    (void)fclose(file);
    return (mola_str){data, (size_t)size};
}

static void run(const char *name, const mola_analysis *settings, mola_str text, int repetitions)
{
    mola_heap heap;
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena arena;
    mola_arena_init(&arena, &heap, SIZE_MAX);
    mola_analyzer *a = mola_analyzer_new(&arena, settings);
    double best = 1e9;
    uint64_t terms = 0, bytes = 0;
    for (int r = 0; a && r < repetitions; r++) {
        double start = now();
        mola_token token;
        terms = bytes = 0;
        mola_analyzer_begin(a, text, 0);
        for (; mola_analyzer_next(a, &token); terms++)
            bytes += token.term.len;
        double took = now() - start;
        best = took < best ? took : best;
    }
    printf("%-28s %6.0f MB/s  %9llu terms  %10llu bytes\n", name, (double)text.len / best / 1e6,
           (unsigned long long)terms, (unsigned long long)bytes);
    mola_arena_reset(&arena);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_text FILE [repetitions]\n");
        return 2;
    }
    mola_str text = read_file(argv[1]);
    int repetitions = argc > 2 ? atoi(argv[2]) : 7;
    mola_analysis s = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                       .language = MOLA_LANGUAGE_ENGLISH,
                       .max_token_length = 39};
    run("word_v4", &s, text, repetitions);
    s.remove_stopwords = true;
    run("word_v4, stop words", &s, text, repetitions);
    s.stemming = true;
    run("word_v4, stop words, stems", &s, text, repetitions);
    s.ascii_folding = true;
    run("word_v4, all", &s, text, repetitions);
    s = (mola_analysis){.tokenizer = MOLA_TOKENIZER_WORD_V2,
                        .language = MOLA_LANGUAGE_ENGLISH,
                        .max_token_length = 39};
    run("word_v2", &s, text, repetitions);
    return 0;
}
