/* SPDX-License-Identifier: Apache-2.0
 * A damaged file is set aside, never deleted. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const suffixes[] = {"", "-wal", "-shm"};
#define SUFFIXES (sizeof suffixes / sizeof suffixes[0])
#define MARKER "-salvage"

static int join(char *out, size_t size, const char *path, const char *suffix, struct err *err) {
    return snprintf(out, size, "%s%s", path, suffix) >= (int)size ? err_set(err, GF_ELIMIT, "store %s: the path is too long", path) : 0;
}

static int trouble(struct err *err, const char *path, const char *to) {
    return err_sys(err,
                   errno == ENOENT   ? GF_ENOTFOUND
                   : errno == ENOSPC ? GF_EFULL
                   : errno == EACCES ? GF_EDENIED
                                     : GF_EIO,
                   errno, "store %s: setting it aside as %s", path, to);
}

/* PATH-salvage holds the name of the damaged file from before it is set aside until a new one has taken over what it gives: a start that is killed in between leaves word for the next. */
static int mark(const char *path, const char *name, struct err *err) {
    char marker[4096];
    if (join(marker, sizeof marker, path, MARKER, err) < 0)
        return GF_ELIMIT;
    int fd = open(marker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t len = (ssize_t)strlen(name);
    bool fine = fd >= 0 && write(fd, name, (size_t)len) == len && fsync(fd) == 0;
    int rc = fine ? 0 : trouble(err, path, name);
    if (fd >= 0)
        (void)close(fd);
    return rc < 0 ? rc : store_directory_sync(path, err);
}

bool store_unsalvaged(const char *path, char *ret_name, size_t size) {
    char marker[4096];
    if (join(marker, sizeof marker, path, MARKER, NULL) < 0)
        return false;
    int fd = open(marker, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, ret_name, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    ret_name[len > 0 ? len : 0] = '\0';
    return len > 0 && strncmp(ret_name, path, strlen(path)) == 0 && access(ret_name, F_OK) == 0; /* else nothing was set aside yet */
}

void store_unmark(const char *path) {
    char marker[4096];
    if (join(marker, sizeof marker, path, MARKER, NULL) == 0)
        (void)unlink(marker);
}

/* Second names first, all of them, then the old names go: killed in between, nothing is lost, and the next start does it again. File systems without second names get plain renames. */
static int set_aside(const char *path, const char *name, struct err *err) {
    char from[4096], to[4096];
    bool links = true;
    for (size_t i = 0; i < SUFFIXES && links; i++) {
        if (join(from, sizeof from, path, suffixes[i], err) < 0 || join(to, sizeof to, name, suffixes[i], err) < 0)
            return GF_ELIMIT;
        if (link(from, to) == 0 || (errno == ENOENT && i > 0))
            continue;
        if (i > 0 || (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK))
            return trouble(err, path, to);
        links = false;
    }
    if (links) {
        int rc = store_directory_sync(name, err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < SUFFIXES; i++) {
        if (join(from, sizeof from, path, suffixes[i], err) < 0 || join(to, sizeof to, name, suffixes[i], err) < 0)
            return GF_ELIMIT;
        if ((links ? unlink(from) : rename(from, to)) < 0 && errno != ENOENT)
            return trouble(err, path, to);
    }
    return store_directory_sync(name, err);
}

int store_set_aside(const char *path, int64_t wall, char *ret_name, size_t size, struct err *err) {
    char name[4096];
    int lock;
    int rc = store_lock_take(path, err, &lock);
    if (rc < 0)
        return rc;
    do { /* a second one in the same millisecond must not meet the first */
        if (snprintf(name, sizeof name, "%s.damaged-%" PRId64, path, wall++) >= (int)sizeof name)
            rc = err_set(err, GF_ELIMIT, "store %s: the path is too long", path);
    } while (rc == 0 && access(name, F_OK) == 0);
    if (rc == 0)
        rc = mark(path, name, err);
    if (rc == 0)
        rc = set_aside(path, name, err);
    (void)close(lock);
    if (rc == 0 && size)
        (void)snprintf(ret_name, size, "%s", name);
    return rc;
}
