/* SPDX-License-Identifier: Apache-2.0
 * An online copy: a snapshot of the file as of the last commit, complete under its name or not there at all. Leans on SQLite's backup interface. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* The copy is a file of its own, without a log beside it: it can be moved as it is. */
static int copy(struct store *s, const char *part, struct err *err) {
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_close(to);
        return sql_fail(s, rc, "opening the copy", err);
    }
    sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");
    if (b) {
        rc = sqlite3_backup_step(b, -1); /* one snapshot; the writer is not held up by it */
        int done = sqlite3_backup_finish(b);
        if (rc == SQLITE_DONE)
            rc = done;
    } else
        rc = sqlite3_errcode(to);
    int code = 0;
    if (rc != SQLITE_OK)
        code = err_set(err,
                       (rc & 0xff) == SQLITE_FULL      ? GF_EFULL
                       : (rc & 0xff) == SQLITE_CORRUPT ? GF_ECORRUPT
                                                       : GF_EIO,
                       "copy %s: %s", part, sqlite3_errstr(rc));
    else if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        code = err_set(err, GF_EIO, "copy %s: %s", part, sqlite3_errmsg(to));
    sqlite3_close(to);
    return code;
}

int store_backup(struct store *s, const char *path, struct err *err) {
    char part[4096];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(err, GF_ELIMIT, "copy %s: the path is too long", path);
    if (access(path, F_OK) == 0)
        return err_set(err, GF_EEXIST, "copy %s: there is such a file already; name another one", path);
    int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? GF_ENOTFOUND : errno == EACCES ? GF_EDENIED : GF_EIO, errno, "copy %s", part);
    (void)close(fd);
    int rc = copy(s, part, err);
    if (rc == 0 && link(part, path) < 0 && (errno == EEXIST || rename(part, path) < 0)) /* link does not overwrite what came meanwhile */
        rc = err_sys(err, errno == EEXIST ? GF_EEXIST : GF_EIO, errno, "copy %s", path);
    (void)unlink(part);
    return rc < 0 ? rc : store_directory_sync(path, err);
}
