/* SPDX-License-Identifier: Apache-2.0
 * Opening and closing. One writer at a time, by a lock on PATH-lock: the kernel drops it when its process dies, however that happens, and readers never ask for it. (SQLite's own locks would
 * not do: they belong to a transaction, or shut readers out.) Leans on migrate.c and the load functions of the other files. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 1000 /* somebody's sqlite3 shell may hold the file for a moment */

/* -- lock ----------------------------------------------------------------------------------------------------------------------- */

static int file_error(struct err *err, int number, const char *path, const char *what) {
    int code = number == ENOENT || number == ENOTDIR  ? GF_ENOTFOUND
               : number == EACCES || number == EPERM  ? GF_EDENIED
               : number == ENOSPC || number == EDQUOT ? GF_EFULL
                                                      : GF_EIO;
    return err_sys(err, code, number, "store %s: %s", path, what);
}

int store_lock_take(const char *path, struct err *err, int *ret_fd) {
    char name[4096], pid[24] = "";
    if (snprintf(name, sizeof name, "%s-lock", path) >= (int)sizeof name)
        return err_set(err, GF_ELIMIT, "store %s: the path is too long", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return file_error(err, errno, path, "opening its lock file");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        int number = errno;
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? strspn(pid, "0123456789") : 0] = 0;
        (void)close(fd);
        if (number != EAGAIN && number != EACCES)
            return file_error(err, number, path, "locking it");
        return err_set(err, GF_ESTATE, "store %s: another gengfu has it open (process %s): stop that one first", path,
                       *pid ? pid : "unknown");
    }
    /* For the sentence above only; on a full disk the lock holds without it. */
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    bool written = ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n;
    (void)written;
    *ret_fd = fd;
    return 0;
}

/* A new name is on disk when the directory is. */
int store_directory_sync(const char *path, struct err *err) {
    char parent[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + (slash == path) : 1;
    if (len >= sizeof parent)
        return err_set(err, GF_ELIMIT, "store %s: the path is too long", path);
    memcpy(parent, slash ? path : ".", len);
    parent[len] = 0;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, errno, path, "opening its directory");
    int rc = fsync(fd) < 0 && errno != EINVAL ? file_error(err, errno, path, "syncing its directory")
                                              : 0; /* EINVAL: a file system that cannot */
    (void)close(fd);
    return rc;
}

/* -- meta ----------------------------------------------------------------------------------------------------------------------- */

int store_meta_get(struct store *s, const char *name, int64_t otherwise, struct err *err, int64_t *ret) {
    struct query q = sql_start(s, SQL_META_GET);
    sql_put_str(&q, name);
    return sql_one(&q, otherwise, err, ret);
}

int store_meta_put(struct store *s, const char *name, int64_t value, struct err *err) {
    struct query q = sql_start(s, SQL_META_PUT);
    sql_put_str(&q, name);
    sql_put_int(&q, value);
    return sql_run(&q, err);
}

int store_writable(struct store *s, struct err *err) {
    return s->conf.read_only ? err_set(err, GF_EDENIED, "store %s: opened for reading only", s->path) : 0;
}

/* -- opening -------------------------------------------------------------------------------------------------------------------- */

static int pragma_int(struct store *s, const char *sql, struct err *err, int64_t *ret) {
    sqlite3_stmt *st = NULL;
    errno = 0;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) {
            *ret = sqlite3_column_int64(st, 0);
            rc = SQLITE_OK;
        }
    }
    int code = rc == SQLITE_OK ? 0 : rc == SQLITE_DONE ? GF_ECORRUPT : sql_fail(s, rc, sql, err);
    sqlite3_finalize(st);
    if (code == GF_EBUG || rc == SQLITE_DONE) /* "unsupported file format" and the like: nothing of ours */
        code = err_set(err, GF_ECORRUPT, "store %s: %s: %s", s->path, sql, sqlite3_errmsg(s->db));
    return code;
}

/* A damaged file may hold a schema that works against us: no triggers, no views, no functions with side effects from it, no values of a gigabyte. */
void store_harden(sqlite3 *db) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* until the file is known to be ours */
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, STORE_VALUE_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_MS);
}

/* What it says about itself, before anything is written. *ret_new: there is nothing in it yet. */
static int identify(struct store *s, bool *ret_new, struct err *err) {
    int64_t application = 0, version = 0, tables = 0;
    int rc = pragma_int(s, "PRAGMA application_id", err, &application);
    if (rc == 0)
        rc = pragma_int(s, "PRAGMA user_version", err, &version);
    if (rc == 0)
        rc = pragma_int(s, "SELECT count(*) FROM sqlite_schema", err, &tables);
    if (rc < 0)
        return rc;
    if (!tables && !application && !version) {
        *ret_new = true;
        return s->conf.read_only ? err_set(err, GF_ENOTFOUND, "store %s: empty: nothing was ever stored in it", s->path) : 0;
    }
    *ret_new = false;
    if (application != STORE_APPLICATION_ID)
        return err_set(err, GF_EINVAL, "store %s: a database of another program; name another file", s->path);
    if (version < 1 || version > INT32_MAX)
        return err_set(err, GF_ECORRUPT, "store %s: its version %" PRId64 " cannot be", s->path, version);
    s->schema = (int)version;
    if (s->conf.read_only && s->schema < store_schema)
        return err_set(
            err, GF_EVERSION,
            "store %s: written by an older gengfu (schema %d, this one needs %d): start the daemon once, it brings it up to date", s->path,
            s->schema, store_schema);
    return 0;
}

static int setup(struct store *s, bool is_new, struct err *err) {
    char text[128];
    if (!s->conf.read_only) {
        if (is_new) {
            (void)snprintf(text, sizeof text, "PRAGMA page_size = %d", STORE_PAGE_SIZE);
            int rc = sql_text_run(s, "page size", text, err);
            if (rc < 0)
                return rc;
        }
        sqlite3_stmt *st = NULL;
        int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(st);
        const char *mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
        int code = rc != SQLITE_ROW ? sql_fail(s, rc, "write-ahead log", err)
                   : !mode || strcmp(mode, "wal") != 0
                       ? err_set(err, GF_EIO, "store %s: the file system allows no write-ahead log", s->path)
                       : 0;
        sqlite3_finalize(st);
        if (code < 0)
            return code;
    }
    (void)snprintf(text, sizeof text, "PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d", STORE_WAL_PAGES,
                   2 * STORE_WAL_PAGES * (STORE_PAGE_SIZE + 24));
    int rc = sql_text_run(s, "settings", text, err);
    if (rc < 0)
        return rc;
    (void)snprintf(text, sizeof text, "PRAGMA cache_size = -%d; PRAGMA secure_delete = OFF", STORE_CACHE_KIB);
    rc = sql_text_run(s, "settings", text, err);
    if (rc < 0)
        return rc;
    return sql_text_run(s, "settings",
                        "PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON", err);
}

int store_load(struct store *s, struct err *err) {
    int rc = store_journal_load(s, err);
    if (rc == 0)
        rc = store_platforms_load(s, err);
    if (rc == 0 && !s->conf.read_only)
        rc = store_incidents_load(s, err);
    if (rc == 0 && !s->conf.read_only)
        rc = store_outbox_load(s, err);
    if (rc == 0 && !s->conf.read_only)
        rc = store_audit_load(s, err);
    return rc;
}

static int connect(struct store *s, struct err *err) {
    int flags = s->conf.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (!s->conf.read_only) { /* made here, not by SQLite, so that it is nobody else's to read; its -wal and -shm follow it */
        int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (fd >= 0)
            (void)close(fd);
        else if (errno != EEXIST)
            return file_error(err, errno, s->path, "making it");
    }
    errno = 0;
    int rc = sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        int code = sql_fail(s, rc, "opening it", err);
        return code == GF_EBUG ? GF_EIO : code;
    }
    store_harden(s->db);
    return 0;
}

int store_open_to(const struct store_conf *conf, int schema, struct err *err, struct store **ret) {
    static bool configured;
    if (!configured) { /* SQLite's own accounting of memory costs time on every call; nobody reads it */
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        configured = true;
    }
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, GF_ENOMEM, "store %s: no memory", conf->path);
    s->conf = *conf;
    s->lock = -1;
    int rc;
    bool is_new = false;
    s->path = strdup(conf->path);
    if (!s->path) {
        rc = err_set(err, GF_ENOMEM, "store %s: no memory", conf->path);
        goto fail;
    }
    s->conf.path = s->path;
    if (!conf->read_only) {
        rc = store_lock_take(s->path, err, &s->lock);
        if (rc < 0)
            goto fail;
    }
    rc = connect(s, err);
    if (rc == 0)
        rc = identify(s, &is_new, err);
    if (rc == 0 && s->schema > store_schema)
        rc = store_migrate(s, schema, err); /* says so */
    if (rc == 0)
        rc = setup(s, is_new, err);
    if (rc == 0 && !conf->read_only)
        rc = store_migrate(s, schema, err);
    if (rc == 0 && schema == store_schema) {
        rc = sql_prepare(s, err);
        if (rc == 0)
            rc = store_load(s, err);
    }
    if (rc < 0)
        goto fail;
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *ret = s;
    return 0;
fail:
    store_close(s);
    return rc;
}

int store_open(const struct store_conf *conf, struct err *err, struct store **ret) { return store_open_to(conf, store_schema, err, ret); }

void store_close(struct store *s) {
    if (!s)
        return;
    txn_rollback(s);
    sql_finalize(s);
    (void)sqlite3_close(s->db); /* the last one out moves the WAL's content to the file */
    for (size_t i = 0; i < s->nplatforms; i++)
        free(s->platforms[i].name);
    free(s->platforms);
    chunk_writer_done(&s->writer);
    free(s->path);
    if (s->lock >= 0)
        (void)close(s->lock); /* last: whoever gets it finds the file closed */
    free(s);
}
