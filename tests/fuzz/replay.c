/* Shows a fuzz target every file of the directories named, and of a pack every paragraph, without
 * searching for more. */
#include "fuzz.h"
#include <dirent.h>
#include <stdio.h>

enum { INPUT_MAX = 1 << 22 };

static size_t read_file(const char *directory, const char *name, uint8_t *bytes)
{
    char path[4096];
    FUZZ_CHECK((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) < sizeof path);
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL);
    size_t size = fread(bytes, 1, INPUT_MAX, file);
    FUZZ_CHECK(size < INPUT_MAX);
    (void)fclose(file);
    return size;
}

/* As awk's paragraphs, which search.sh makes of a pack. */
static int show_paragraphs(const uint8_t *bytes, size_t size)
{
    int shown = 0;
    while (size) {
        const uint8_t *end = memmem(bytes, size, "\n\n", 2);
        size_t len = end ? (size_t)(end - bytes) : size - (bytes[size - 1] == '\n');
        (void)LLVMFuzzerTestOneInput(bytes, len);
        shown++;
        size_t taken = end ? len + 2 : size;
        size -= taken;
        bytes += taken;
    }
    return shown;
}

static int show(const char *directory, const char *name)
{
    static uint8_t bytes[INPUT_MAX];
    size_t size = read_file(directory, name, bytes), len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".pack") == 0)
        return show_paragraphs(bytes, size);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return 1;
}

int main(int argc, char **argv)
{
    int shown = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        FUZZ_CHECK(directory != NULL);
        for (struct dirent *e; (e = readdir(directory));) {
            if (e->d_name[0] != '.')
                shown += show(argv[i], e->d_name);
        }
        (void)closedir(directory);
    }
    printf("%d inputs\n", shown);
    return shown == 0;
}
