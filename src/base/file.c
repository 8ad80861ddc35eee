/* SPDX-License-Identifier: Apache-2.0
 * Whole files with ceilings, secrets, directory listings. Leans on buf. */
#include "gengfu/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MAX 10000

static int read_all(int fd, const char *path, struct buf *b, struct err *err) {
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return 0;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(err, GF_EIO, errno, "%s: cannot be read", path);
        }
        buf_put(b, chunk, (size_t)n);
        if (b->failed)
            return (size_t)n > b->max - b->len ? err_set(err, GF_ELIMIT, "%s: larger than %zu bytes", path, b->max)
                                               : err_set(err, GF_ENOMEM, "%s: %s", path, err_text(GF_ENOMEM));
    }
}

/* Opens without waiting for the other end of a pipe, and refuses what is not a file. */
static int open_regular(const char *path, struct stat *ret_st, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int code = errno == ENOENT ? GF_ENOTFOUND : errno == EACCES ? GF_EDENIED : GF_EIO;
        return err_sys(err, code, errno, "%s: cannot be opened", path);
    }
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = err_sys(err, GF_EIO, errno, "%s: cannot be examined", path);
    else if (S_ISDIR(st.st_mode))
        rc = err_set(err, GF_EINVAL, "%s: is a directory, a file is wanted", path);
    if (rc) {
        (void)close(fd);
        return rc;
    }
    *ret_st = st;
    return fd;
}

int file_read(const char *path, struct buf *b, struct err *err) {
    struct stat st;
    int fd = open_regular(path, &st, err);
    if (fd < 0)
        return fd;
    int rc = S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)
                 ? 0
                 : err_set(err, GF_EINVAL, "%s: is not a file that can be read", path);
    if (!rc && !S_ISREG(st.st_mode) && fcntl(fd, F_SETFL, 0) < 0) /* a pipe is waited for */
        rc = err_sys(err, GF_EIO, errno, "%s: cannot be read", path);
    if (!rc)
        rc = read_all(fd, path, b, err);
    (void)close(fd);
    return rc;
}

/* ---- whose it is ---- */

static int owned_well(const char *path, const struct stat *st, uid_t also, struct err *err) {
    if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != also)
        return err_set(err, GF_EDENIED, "%s: belongs to user %u, neither to root nor to us; cure: chown root '%s'", path,
                       (unsigned)st->st_uid, path);
    if ((st->st_mode & S_IWOTH) && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))) /* as in /tmp: nobody may replace another's files */
        return err_set(err, GF_EDENIED, "%s: everybody may change it (mode %03o); cure: chmod o-w '%s'", path,
                       (unsigned)(st->st_mode & 0777), path);
    return 0;
}

/* The directory that a path lies in: whoever may write there may put another file in its place. */
static int lies_well(const char *path, uid_t also, struct err *err) {
    struct stat st;
    char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
    if (slash)
        slash[slash == dir] = 0;
    int rc = stat(slash ? dir : ".", &st) < 0 ? 0 : owned_well(slash ? dir : ".", &st, also, err);
    free(dir);
    return rc;
}

int file_trusted(const char *path, uid_t also, struct err *err) {
    struct stat link, st;
    if (lstat(path, &link) < 0 || stat(path, &st) < 0)
        return 0;
    int rc = owned_well(path, &st, also, err);
    if (!rc)
        rc = lies_well(path, also, err);
    char *real = !rc && S_ISLNK(link.st_mode) ? realpath(path, NULL) : NULL;
    if (real)
        rc = lies_well(real, also, err);
    free(real);
    return rc;
}

static int kept_well(const char *path, const struct stat *st, uid_t also, struct err *err) {
    if (!S_ISREG(st->st_mode))
        return err_set(err, GF_EDENIED, "%s: a secret must stand in a regular file", path);
    if (st->st_mode & (S_IROTH | S_IWOTH))
        return err_set(err, GF_EDENIED, "%s: a secret that everybody may %s (mode %03o); cure: chmod o-rw '%s'", path,
                       st->st_mode & S_IROTH ? "read" : "write", (unsigned)(st->st_mode & 0777), path);
    return file_trusted(path, also, err);
}

int file_secret_trusted(const char *path, uid_t also, struct err *err) {
    struct stat st;
    return stat(path, &st) < 0 ? 0 : kept_well(path, &st, also, err);
}

int file_read_secret(const char *path, struct buf *b, struct err *err) {
    struct stat st = {0};
    int fd = open_regular(path, &st, err);
    if (fd < 0)
        return fd;
    size_t start = b->len;
    int rc = kept_well(path, &st, geteuid(), err);
    if (!rc)
        rc = read_all(fd, path, b, err);
    if (!rc && b->len > start && b->data[b->len - 1] == '\n') {
        b->data[--b->len] = 0;
        if (b->len > start && b->data[b->len - 1] == '\r')
            b->data[--b->len] = 0;
    }
    (void)close(fd);
    return rc;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void names_free(char **names, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

int file_list(const char *dir, const char *suffix, char ***ret_names, size_t *ret_n, struct err *err) {
    DIR *d = opendir(dir);
    if (!d) {
        int code = errno == ENOENT ? GF_ENOTFOUND : errno == EACCES ? GF_EDENIED : GF_EIO;
        return err_sys(err, code, errno, "%s: cannot be listed", dir);
    }
    char **names = NULL;
    size_t n = 0, cap = 0, slen = strlen(suffix);
    int rc = 0;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            if (errno)
                rc = err_sys(err, GF_EIO, errno, "%s: cannot be listed", dir);
            break;
        }
        size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.' || len < slen || memcmp(e->d_name + len - slen, suffix, slen) != 0)
            continue;
        if (n >= LIST_MAX) {
            rc = err_set(err, GF_ELIMIT, "%s: more than %d files", dir, LIST_MAX);
            break;
        }
        if (n == cap) {
            size_t more = cap ? cap * 2 : 16;
            char **grown = realloc(names, more * sizeof *grown);
            if (!grown) {
                rc = err_set(err, GF_ENOMEM, "%s: %s", dir, err_text(GF_ENOMEM));
                break;
            }
            names = grown;
            cap = more;
        }
        names[n] = strdup(e->d_name);
        if (!names[n]) {
            rc = err_set(err, GF_ENOMEM, "%s: %s", dir, err_text(GF_ENOMEM));
            break;
        }
        n++;
    }
    (void)closedir(d);
    if (rc) {
        names_free(names, n);
        return rc;
    }
    if (n)
        qsort(names, n, sizeof *names, by_bytes);
    *ret_names = names;
    *ret_n = n;
    return 0;
}
