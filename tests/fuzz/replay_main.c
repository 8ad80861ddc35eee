/* SPDX-License-Identifier: Apache-2.0
 * Replays files through a fuzz target without libFuzzer: every argument is a file, or a directory of files. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define FILE_MAX (64 * 1024 * 1024L)

static size_t replayed;

/* The target gets a copy of exactly the file's size, so that a read past its end is seen by the sanitizers. */
static int replay_file(const char *path) {
    FILE *f = fopen(path, "rbe");
    if (!f) {
        perror(path);
        return -1;
    }
    int rc = -1;
    uint8_t *data = NULL;
    struct stat st;
    if (fstat(fileno(f), &st) < 0 || st.st_size > FILE_MAX)
        goto out;
    size_t size = (size_t)st.st_size;
    data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, f) != size)
        goto out;
    (void)LLVMFuzzerTestOneInput(data, size);
    replayed++;
    rc = 0;
out:
    if (rc)
        (void)fprintf(stderr, "%s: cannot be read\n", path);
    free(data);
    (void)fclose(f);
    return rc;
}

static int replay(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return -1;
    }
    int rc = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= sizeof name || replay_file(name))
            rc = -1;
    }
    (void)closedir(dir);
    return rc;
}

int main(int argc, char **argv) {
    if (LLVMFuzzerInitialize)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    int rc = 0;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]))
            rc = 1;
    (void)printf("%zu replayed\n", replayed);
    return rc;
}
