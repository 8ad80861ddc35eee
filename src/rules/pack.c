/* SPDX-License-Identifier: Apache-2.0
 * Pack: the files of a rule set as they were read, in one text, to be kept in the store. Per file: its length, a blank, its name, a line feed, its bytes, a line feed. */
#include "rules/load_int.h"

#include <stdlib.h>
#include <string.h>

void pack_add(struct buf *pack, const char *name, const char *data, size_t len) {
    if (strchr(name, '\n')) {
        pack->failed = true;
        return;
    }
    buf_printf(pack, "%zu %s\n", len, name);
    buf_put(pack, data, len);
    buf_putc(pack, '\n');
}

/* One file from *p on; its name becomes a string in place of the line feed behind it. */
static bool next(char **p, const char *end, struct rules_file *ret) {
    size_t len = 0, digits = 0;
    while (*p < end && **p >= '0' && **p <= '9' && digits < 10) {
        len = len * 10 + (size_t)(**p - '0');
        ++*p;
        digits++;
    }
    if (digits == 0 || *p == end || **p != ' ')
        return false;
    char *name = ++*p, *nl = memchr(name, '\n', (size_t)(end - name));
    if (!nl || nl == name || memchr(name, 0, (size_t)(nl - name)) || (size_t)(end - nl) < len + 2 || nl[1 + len] != '\n')
        return false;
    *nl = 0;
    *ret = (struct rules_file){.name = name, .text = nl + 1, .len = len};
    *p = nl + len + 2;
    return true;
}

int pack_open(char *text, size_t len, struct rules_file **ret, size_t *ret_n) {
    struct rules_file *files = NULL;
    size_t n = 0, cap = 0;
    for (char *p = text, *end = text + len; p < end;) {
        struct rules_file f;
        if (!next(&p, end, &f) || n == PACK_MAX_FILES) {
            free(files);
            return GF_EINVAL;
        }
        if (n == cap) {
            struct rules_file *more = realloc(files, (cap = cap ? cap * 2 : 32) * sizeof *more);
            if (!more) {
                free(files);
                return GF_ENOMEM;
            }
            files = more;
        }
        files[n++] = f;
    }
    *ret = files;
    *ret_n = n;
    return 0;
}
