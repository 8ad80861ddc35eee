/* SPDX-License-Identifier: Apache-2.0
 * Log and trace. Only daemon, cli and the floor-5 modules log; what stands below returns errors.
 *
 * A line goes to standard error, with the <N> priority prefix of sd-daemon(3) when systemd's journal is behind it (JOURNAL_STREAM), with time
 * and colour on a terminal. Control characters in arguments are shown as '?'. errno is kept.
 * The trace ring keeps the last TRACE_RING lines of every level, also of those not printed; it is shown by `gengfu status --trace` and on SIGABRT. */
#ifndef GENGFU_BASE_LOG_H
#define GENGFU_BASE_LOG_H

#include <stdbool.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };
#define TRACE_RING 512

void log_open(enum log_level max); /* what is printed; default LOG_LEVEL_INFO */
bool log_parse_level(const char *name, enum log_level *ret);
void log_line(enum log_level level, const char *fmt, ...) GF_PRINTF(2, 3);
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
void trace_dump(struct buf *b); /* oldest first */

#endif
