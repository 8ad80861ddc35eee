/* SPDX-License-Identifier: Apache-2.0
 * A VFS over the system's: counts, fails on request, and knows what a power cut would leave: each file as it was at its last sync, with any of the later writes there or not, one of them torn. */
#include "store_fx.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fx_vfs fx_vfs;
void (*fx_vfs_before)(char op, const char *path, int64_t offset, const void *data, size_t len);

struct pending {
    int64_t offset; /* -1: truncation to `len` */
    size_t len;
    uint8_t *data;
};
struct image { /* a file as it is on the disk */
    char path[512];
    uint8_t *data;
    size_t len;
    struct pending *pending;
    size_t npending;
    struct image *next;
};
struct file {
    sqlite3_file base; /* first */
    bool wal;
    struct image *image;
    const char *path; /* SQLite keeps it as long as the file is open; NULL: a temporary one */
};

static sqlite3_vfs *under, over;
static sqlite3_io_methods methods;
static struct image *images;
static bool remembering;

static sqlite3_file *below(sqlite3_file *f) { return (sqlite3_file *)(void *)((char *)f + sizeof(struct file)); }

static void tell(const struct file *file, char op, int64_t offset, const void *data, size_t len) {
    if (fx_vfs_before && file->path)
        fx_vfs_before(op, file->path, offset, data, len);
}

static bool due(int64_t *countdown) {
    if (*countdown <= 0)
        return false;
    if (*countdown > 1) {
        --*countdown;
        return false;
    }
    if (!fx_vfs.stay)
        *countdown = 0;
    return true;
}

/* -- images --------------------------------------------------------------------------------------------------------------------- */

static void *must(void *p) {
    if (!p)
        abort();
    return p;
}

static void image_write(struct image *im, const struct pending *p, size_t len) {
    if (p->offset < 0) {
        if (p->len > im->len) {
            im->data = must(realloc(im->data, p->len));
            memset(im->data + im->len, 0, p->len - im->len);
        }
        im->len = p->len;
        return;
    }
    size_t end = (size_t)p->offset + len;
    if (end > im->len) {
        im->data = must(realloc(im->data, end));
        memset(im->data + im->len, 0, end - im->len);
        im->len = end;
    }
    memcpy(im->data + p->offset, p->data, len);
}

static void forget(struct image *im) {
    for (size_t i = 0; i < im->npending; i++)
        free(im->pending[i].data);
    free(im->pending);
    im->pending = NULL;
    im->npending = 0;
}

static struct image *image_of(const char *path) {
    for (struct image *im = images; im; im = im->next)
        if (strcmp(im->path, path) == 0)
            return im;
    struct image *im = must(calloc(1, sizeof *im));
    (void)snprintf(im->path, sizeof im->path, "%s", path);
    FILE *f = fopen(path, "rbe");
    if (f && fseek(f, 0, SEEK_END) == 0 && ftell(f) > 0) {
        im->len = (size_t)ftell(f);
        im->data = must(malloc(im->len));
        rewind(f);
        if (fread(im->data, 1, im->len, f) != im->len)
            abort();
    }
    if (f)
        (void)fclose(f);
    im->next = images;
    images = im;
    return im;
}

static void remember(struct image *im, int64_t offset, const void *data, size_t len) {
    im->pending = must(realloc(im->pending, (im->npending + 1) * sizeof *im->pending));
    struct pending *p = &im->pending[im->npending++];
    *p = (struct pending){.offset = offset, .len = len};
    if (data) {
        p->data = must(malloc(len ? len : 1));
        memcpy(p->data, data, len);
    }
}

static void drop_images(void) {
    while (images) {
        struct image *im = images;
        images = im->next;
        forget(im);
        free(im->data);
        free(im);
    }
}

void fx_vfs_power(bool on) {
    drop_images();
    remembering = on;
}

void fx_vfs_power_cut(unsigned seed) {
    remembering = false;
    for (struct image *im = images; im; im = im->next) {
        for (size_t i = 0; i < im->npending; i++) {
            seed = seed * 1103515245U + 12345U;
            unsigned r = seed >> 16;
            const struct pending *p = &im->pending[i];
            if (r % 3 == 0)
                continue; /* this one never reached the disk */
            size_t len = r % 3 == 1 || p->offset < 0 ? p->len : p->len * (r % 97) / 97;
            image_write(im, p, len);
        }
        int fd = open(im->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        if (fd < 0 || (im->len && write(fd, im->data, im->len) != (ssize_t)im->len))
            abort();
        (void)close(fd);
    }
    drop_images();
}

/* -- the methods ---------------------------------------------------------------------------------------------------------------- */

static int v_close(sqlite3_file *f) { return below(f)->pMethods->xClose(below(f)); }

static int v_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at) {
    tell((struct file *)(void *)f, 'r', at, NULL, (size_t)n);
    fx_vfs.reads++;
    if (due(&fx_vfs.fail_read))
        return fx_vfs.code;
    return below(f)->pMethods->xRead(below(f), out, n, at);
}

static int v_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at) {
    struct file *file = (struct file *)(void *)f;
    tell(file, 'w', at, data, (size_t)n);
    if (due(&fx_vfs.fail_write))
        return fx_vfs.code;
    fx_vfs.writes++;
    fx_vfs.bytes += (uint64_t)n;
    if (file->wal)
        fx_vfs.wal_bytes += (uint64_t)n;
    if (remembering && file->image)
        remember(file->image, at, data, (size_t)n);
    return below(f)->pMethods->xWrite(below(f), data, n, at);
}

static int v_truncate(sqlite3_file *f, sqlite3_int64 size) {
    struct file *file = (struct file *)(void *)f;
    tell(file, 't', size, NULL, 0);
    if (remembering && file->image)
        remember(file->image, -1, NULL, (size_t)size);
    return below(f)->pMethods->xTruncate(below(f), size);
}

static int v_sync(sqlite3_file *f, int flags) {
    struct file *file = (struct file *)(void *)f;
    tell(file, 's', 0, NULL, 0);
    if (due(&fx_vfs.fail_sync))
        return fx_vfs.code;
    fx_vfs.syncs++;
    if (remembering && file->image) {
        for (size_t i = 0; i < file->image->npending; i++)
            image_write(file->image, &file->image->pending[i], file->image->pending[i].len);
        forget(file->image);
    }
    return below(f)->pMethods->xSync(below(f), flags);
}

static int v_size(sqlite3_file *f, sqlite3_int64 *size) { return below(f)->pMethods->xFileSize(below(f), size); }
static int v_lock(sqlite3_file *f, int level) { return below(f)->pMethods->xLock(below(f), level); }
static int v_unlock(sqlite3_file *f, int level) { return below(f)->pMethods->xUnlock(below(f), level); }
static int v_reserved(sqlite3_file *f, int *out) { return below(f)->pMethods->xCheckReservedLock(below(f), out); }
static int v_control(sqlite3_file *f, int op, void *arg) { return below(f)->pMethods->xFileControl(below(f), op, arg); }
static int v_sector(sqlite3_file *f) { return below(f)->pMethods->xSectorSize(below(f)); }
static int v_device(sqlite3_file *f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); }
static int v_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    return below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
}
static int v_shm_lock(sqlite3_file *f, int offset, int n, int flags) { return below(f)->pMethods->xShmLock(below(f), offset, n, flags); }
static void v_shm_barrier(sqlite3_file *f) { below(f)->pMethods->xShmBarrier(below(f)); }
static int v_shm_unmap(sqlite3_file *f, int drop) { return below(f)->pMethods->xShmUnmap(below(f), drop); }

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags) {
    struct file *file = (struct file *)(void *)f;
    (void)vfs;
    file->path = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB) ? name : NULL;
    file->wal = (flags & SQLITE_OPEN_WAL) != 0;
    file->image = NULL;
    int rc = under->xOpen(under, name, below(f), flags, ret_flags);
    f->pMethods = rc == SQLITE_OK ? &methods : NULL;
    if (rc == SQLITE_OK && remembering && name && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)))
        file->image = image_of(name);
    return rc;
}

void fx_vfs_use(void) {
    if (under)
        return;
    under = must(sqlite3_vfs_find(NULL));
    over = *under;
    over.zName = "fx";
    over.szOsFile = under->szOsFile + (int)sizeof(struct file);
    over.xOpen = v_open;
    methods = (sqlite3_io_methods){.iVersion = 2,
                                   .xClose = v_close,
                                   .xRead = v_read,
                                   .xWrite = v_write,
                                   .xTruncate = v_truncate,
                                   .xSync = v_sync,
                                   .xFileSize = v_size,
                                   .xLock = v_lock,
                                   .xUnlock = v_unlock,
                                   .xCheckReservedLock = v_reserved,
                                   .xFileControl = v_control,
                                   .xSectorSize = v_sector,
                                   .xDeviceCharacteristics = v_device,
                                   .xShmMap = v_shm_map,
                                   .xShmLock = v_shm_lock,
                                   .xShmBarrier = v_shm_barrier,
                                   .xShmUnmap = v_shm_unmap};
    if (sqlite3_vfs_register(&over, 1) != SQLITE_OK)
        abort();
}
