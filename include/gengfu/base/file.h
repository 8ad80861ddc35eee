/* SPDX-License-Identifier: Apache-2.0
 * Whole files, with ceilings; and the check that a secret is not everybody's to read. */
#ifndef GENGFU_BASE_FILE_H
#define GENGFU_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

/* Appends the file to b (whose max is the ceiling). */
GF_WARN_UNUSED int file_read(const char *path, struct buf *b, struct err *err);
/* Reads one secret: regular file, not readable or writable by others, and trusted as below (GF_EDENIED, with the chmod that would cure it); one newline at the end is dropped. */
GF_WARN_UNUSED int file_read_secret(const char *path, struct buf *b, struct err *err);
/* Whether only root, ourselves and `also` (and the file's group) decide what stands in a file or directory: owner, mode, and the directory that it lies in; of a symbolic link those of the link and those
 * of what it leads to. GF_EDENIED, with the command that would cure it. What is not there is no matter. */
GF_WARN_UNUSED int file_trusted(const char *path, uid_t also, struct err *err);
/* The same with what a secret asks for beside it. */
GF_WARN_UNUSED int file_secret_trusted(const char *path, uid_t also, struct err *err);
/* Names in `dir` that end in `suffix`, sorted by bytes, without hidden ones; free each and the array. */
GF_WARN_UNUSED int file_list(const char *dir, const char *suffix, char ***ret_names, size_t *ret_n, struct err *err);

#endif
