/* SPDX-License-Identifier: Apache-2.0
 * Whole files, ceilings, secrets, listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gengfu/base/file.h"

static char dir[64], path[128];

static int setup(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/gengfu-file-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/f", dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void write_file(const char *name, const char *text, size_t len, mode_t mode) {
    char full[256];
    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(full, mode), 0);
}

static void reads_whole(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    char big[60000];
    memset(big, 'x', sizeof big);
    write_file("f", big, sizeof big, 0644);
    assert_int_equal(file_read(path, &b, NULL), 0);
    assert_int_equal(b.len, sizeof big);
    write_file("f", "a\0b\n", 4, 0644);
    assert_int_equal(file_read(path, &b, NULL), 0); /* appends */
    assert_int_equal(b.len, sizeof big + 4);
    assert_memory_equal(b.data + sizeof big, "a\0b\n", 4);
    buf_done(&b);
    write_file("f", "", 0, 0644);
    assert_int_equal(file_read(path, &b, NULL), 0);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void ceiling(void **state) {
    (void)state;
    struct buf b;
    struct err err = {0};
    buf_init(&b, 10);
    write_file("f", "0123456789", 10, 0644);
    assert_int_equal(file_read(path, &b, &err), 0);
    buf_clear(&b);
    write_file("f", "0123456789x", 11, 0644);
    assert_int_equal(file_read(path, &b, &err), GF_ELIMIT);
    assert_non_null(strstr(err.text, "larger than 10 bytes"));
    buf_clear(&b);
    assert_int_equal(file_read("/dev/zero", &b, &err), GF_ELIMIT); /* endless */
    buf_done(&b);
}

static void what_is_no_file(void **state) {
    (void)state;
    struct buf b;
    struct err err = {0};
    buf_init(&b, 0);
    assert_int_equal(file_read("/nonexistent/file", &b, &err), GF_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nonexistent/file"));
    assert_int_equal(file_read(dir, &b, &err), GF_EINVAL);
    assert_non_null(strstr(err.text, "directory"));
    buf_done(&b);
}

static void secrets(void **state) {
    (void)state;
    struct buf b;
    struct err err = {0};
    buf_init(&b, 100);
    write_file("f", "hunter2\n", 8, 0600);
    assert_int_equal(file_read_secret(path, &b, &err), 0);
    assert_string_equal(b.data, "hunter2");
    buf_clear(&b);
    write_file("f", "two\n\n", 5, 0640);
    assert_int_equal(file_read_secret(path, &b, &err), 0);
    assert_string_equal(b.data, "two\n");
    buf_clear(&b);
    write_file("f", "dos\r\n", 5, 0400);
    assert_int_equal(file_read_secret(path, &b, &err), 0);
    assert_string_equal(b.data, "dos");
    buf_clear(&b);
    (void)unlink(path);
    write_file("f", "x", 1, 0604);
    assert_int_equal(file_read_secret(path, &b, &err), GF_EDENIED);
    assert_non_null(strstr(err.text, "chmod o-rw"));
    assert_int_equal(b.len, 0);
    write_file("f", "x", 1, 0602);
    assert_int_equal(file_read_secret(path, &b, &err), GF_EDENIED);
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read_secret(path, &b, &err), GF_EDENIED); /* and it does not wait for a writer */
    assert_int_equal(file_read_secret("/nonexistent", &b, &err), GF_ENOTFOUND);
    buf_done(&b);
}

static void lists(void **state) {
    (void)state;
    char **names = NULL;
    size_t n = 9;
    assert_int_equal(file_list(dir, ".yaml", &names, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(names);
    write_file("20-b.yaml", "", 0, 0644);
    write_file("10-a.yaml", "", 0, 0644);
    write_file(".hidden.yaml", "", 0, 0644);
    write_file("note.txt", "", 0, 0644);
    write_file("灯.yaml", "", 0, 0644);
    assert_int_equal(file_list(dir, ".yaml", &names, &n, NULL), 0);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "10-a.yaml");
    assert_string_equal(names[1], "20-b.yaml");
    assert_string_equal(names[2], "灯.yaml");
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    struct err err = {0};
    assert_int_equal(file_list("/nonexistent", "", &names, &n, &err), GF_ENOTFOUND);
    assert_int_equal(file_list(path, "", &names, &n, &err), GF_ENOTFOUND);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(reads_whole), T(ceiling), T(what_is_no_file), T(secrets), T(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
