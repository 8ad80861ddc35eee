/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of json share. */
#ifndef GENGFU_BASE_JSON_INT_H
#define GENGFU_BASE_JSON_INT_H

#include <stddef.h>

#include "gengfu/base/err.h"

/* Looks through a text without keeping anything: 0 when it is one JSON value that cJSON reads as RFC 8259 means it. */
GF_WARN_UNUSED int json_check(const char *text, size_t len, struct err *err);

#endif
