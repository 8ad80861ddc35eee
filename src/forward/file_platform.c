/* SPDX-License-Identifier: Apache-2.0
 * The file platform: one envelope a line (JSON lines), on disk before it is confirmed. The file is opened anew when somebody has moved or removed it, so logrotate needs no signal. A line that a crash
 * left without its end gets one, so that the next is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forward_int.h"

#define FILE_BATCH_MAX (64 << 20)

struct file_sender {
    int fd; /* -1: not open */
    struct buf lines;
};

static int file_open(struct sender *s, struct err *err) {
    struct file_sender *fs = calloc(1, sizeof(*fs));

    if (fs == NULL)
        return err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    fs->fd = -1;
    buf_init(&fs->lines, FILE_BATCH_MAX);
    s->own = fs;
    s->link = s->known = s->reachable = true;
    return 0;
}

static void file_close(struct file_sender *fs) {
    if (fs->fd >= 0)
        (void)close(fs->fd);
    fs->fd = -1;
}

/* So that the new file's name is there after a power cut, too. */
static void sync_directory(const char *path) {
    char dir[4096];
    const char *slash = strrchr(path, '/');
    int n =
        slash == NULL ? snprintf(dir, sizeof(dir), ".") : snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = n > 0 && (size_t)n < sizeof(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static int reopen(struct sender *s, struct err *err) {
    struct file_sender *fs = s->own;
    const char *path = s->conf->path;
    struct stat open_file, named;
    char last;

    if (fs->fd >= 0 && fstat(fs->fd, &open_file) == 0 && stat(path, &named) == 0 && open_file.st_ino == named.st_ino &&
        open_file.st_dev == named.st_dev)
        return 0;
    file_close(fs);
    bool fresh = access(path, F_OK) != 0;

    fs->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fs->fd < 0)
        return err_sys(err, GF_EIO, errno, "%s: cannot be opened", path);
    if (fstat(fs->fd, &open_file) < 0 || !S_ISREG(open_file.st_mode)) {
        file_close(fs);
        return err_set(err, GF_EINVAL, "%s: is not a regular file", path);
    }
    if (fresh)
        sync_directory(path);
    if (open_file.st_size > 0 && pread(fs->fd, &last, 1, open_file.st_size - 1) == 1 && last != '\n' && write(fs->fd, "\n", 1) != 1)
        return err_sys(err, GF_EIO, errno, "%s: cannot be written", path);
    return 0;
}

static void file_send(struct sender *s, struct slot *slot, const struct buf *envelope) {
    struct file_sender *fs = s->own;
    size_t at = fs->lines.len;

    (void)slot; /* they are all settled together in file_flush */
    buf_put(&fs->lines, envelope->data, envelope->len);
    for (; at < fs->lines.len; at++) /* in JSON a line's end can only stand between tokens */
        if (fs->lines.data[at] == '\n' || fs->lines.data[at] == '\r')
            fs->lines.data[at] = ' ';
    buf_putc(&fs->lines, '\n');
}

static int write_lines(struct sender *s, struct err *err) {
    struct file_sender *fs = s->own;
    int rc = reopen(s, err);

    if (rc < 0)
        return rc;
    if (fs->lines.failed)
        return err_set(err, GF_ENOMEM, "%s: %s", s->conf->path, err_text(GF_ENOMEM));
    for (size_t done = 0; done < fs->lines.len;) {
        ssize_t n = write(fs->fd, fs->lines.data + done, fs->lines.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_sys(err, errno == ENOSPC || errno == EDQUOT ? GF_EFULL : GF_EIO, errno, "%s: cannot be written", s->conf->path);
            file_close(fs); /* what was written of a line is ended when it is opened again */
            return rc;
        }
        done += (size_t)n;
    }
    if (fdatasync(fs->fd) < 0) {
        rc = err_sys(err, GF_EIO, errno, "%s: cannot be brought to disk", s->conf->path);
        file_close(fs);
        return rc;
    }
    return 0;
}

static void file_flush(struct sender *s) {
    struct file_sender *fs = s->own;
    struct err err = {0};
    int rc = write_lines(s, &err);

    buf_clear(&fs->lines);
    for (size_t i = 0; i < s->nslots; i++)
        if (s->slots[i].state == SLOT_FLYING)
            sender_result(s, &s->slots[i], rc == 0 ? RESULT_CONFIRMED : RESULT_UNREACHABLE, rc == 0 ? "" : err.text, -1);
}

static void file_stop(struct sender *s) {
    file_close(s->own);
    sender_closed(s);
}

static void file_free(struct sender *s) {
    struct file_sender *fs = s->own;

    file_close(fs);
    buf_done(&fs->lines);
    free(fs);
    s->own = NULL;
}

const struct sender_ops file_platform = {.open = file_open, .send = file_send, .flush = file_flush, .stop = file_stop, .free = file_free};
