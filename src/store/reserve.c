/* SPDX-License-Identifier: Apache-2.0
 * The reserve: a file beside the store that holds nothing but room. When the disk is full it is given up, so that what must be told of that can be written and forwarded; when there is room it
 * is taken again. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool name_of(const struct store *s, char *out, size_t size) { return snprintf(out, size, "%s-reserve", s->path) < (int)size; }

/* Where the file system cannot promise room, bytes are written that no file system can shrink. */
static int fill(int fd, int64_t bytes) {
    uint64_t block[512], x = UINT64_C(0x9E3779B97F4A7C15);
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof block) {
        for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            block[i] = x;
        }
        ssize_t n = pwrite(fd, block, sizeof block, (off_t)at);
        if (n != (ssize_t)sizeof block)
            return n < 0 ? errno : ENOSPC;
    }
    return 0;
}

static int take(int fd, int64_t bytes) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return errno;
    if (st.st_size == bytes && (int64_t)st.st_blocks * 512 >= bytes)
        return 0;
    if (ftruncate(fd, 0) < 0)
        return errno;
    int number = fallocate(fd, 0, 0, (off_t)bytes) < 0 ? errno : 0;
    if (number == EOPNOTSUPP || number == ENOSYS)
        number = fill(fd, bytes);
    return number ? number : fsync(fd) < 0 ? errno : 0;
}

int store_reserve_take(struct store *s, struct err *err) {
    char name[4096];
    if (s->conf.reserve_bytes <= 0)
        return 0;
    if (!name_of(s, name, sizeof name))
        return err_set(err, GF_ELIMIT, "store %s: the path is too long", s->path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    int number = fd < 0 ? errno : take(fd, s->conf.reserve_bytes);
    if (fd >= 0)
        (void)close(fd);
    if (!number)
        return 0;
    if (fd >= 0)
        (void)unlink(name);
    return err_sys(err, number == ENOSPC || number == EDQUOT ? GF_EFULL : GF_EIO, number, "store %s: the reserve of %lld bytes", s->path,
                   (long long)s->conf.reserve_bytes);
}

bool store_reserve_give(struct store *s) {
    char name[4096];
    return s->conf.reserve_bytes > 0 && name_of(s, name, sizeof name) && unlink(name) == 0;
}

int64_t store_room(const struct store *s) {
    struct statvfs v;
    return statvfs(s->path, &v) < 0 ? -1 : (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}
