/* SPDX-License-Identifier: Apache-2.0
 * Atoms: names (of fields, kinds, columns) stored once, so that comparing two names is comparing two numbers.
 *
 * One table for the process; an atom is good until the process ends. At most ATOM_MAX names of at most ATOM_NAME_MAX bytes: only names that rule files,
 * registry headers and the like declare become atoms, never what a message brings. */
#ifndef GENGFU_BASE_ATOM_H
#define GENGFU_BASE_ATOM_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t atom_t; /* 0 is no atom */

#define ATOM_MAX 65536
#define ATOM_NAME_MAX 256

atom_t atom_intern(const char *name, size_t len); /* 0 when the table is full, the name is too long or memory is out */
atom_t atom_of(const char *name);                 /* the same for a NUL-terminated name */
atom_t atom_find(const char *name, size_t len);   /* 0 when it was never interned */
const char *atom_name(atom_t a);                  /* "" for 0 */
size_t atom_length(atom_t a);
void atom_free_all(void); /* for tests and leak checkers, at the very end */

#endif
