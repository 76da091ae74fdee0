/* Shows a fuzz target every file of the directories named, without searching for more. */
#include "fuzz.h"
#include <dirent.h>
#include <stdio.h>

enum { INPUT_MAX = 1 << 20 };

static void show(const char *directory, const char *name)
{
    static uint8_t bytes[INPUT_MAX];
    char path[4096];
    FUZZ_CHECK((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) < sizeof path);
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv)
{
    int shown = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        FUZZ_CHECK(directory != NULL);
        for (struct dirent *e; (e = readdir(directory));) {
            if (e->d_name[0] != '.') {
                show(argv[i], e->d_name);
                shown++;
            }
        }
        (void)closedir(directory);
    }
    printf("%d inputs\n", shown);
    return shown == 0;
}
