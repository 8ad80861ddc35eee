/* SPDX-License-Identifier: Apache-2.0
 * Log lines to standard error, and the ring that keeps the last of them. Leans on buf, text and time. */
#include "gengfu/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gengfu/base/text.h"
#include "gengfu/base/time.h"

#define LINE_MAX_BYTES 1024 /* printed; longer lines are cut */
#define TRACE_LINE 200      /* kept in the ring */

static struct trace {
    int64_t at; /* ms, wall clock */
    int level;
    char text[TRACE_LINE];
} ring[TRACE_RING];
static size_t ring_next, ring_count;

static enum log_level max_level = LOG_LEVEL_INFO;
static enum { PLAIN, JOURNAL, TERMINAL } style;

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};

static const char *level_name(int level) { return level_names[(level < 3 ? 3 : level > 7 ? 7 : level) - 3]; }

/* Signal-safe: no allocation, no stdio. A write that fails has nowhere left to be told. */
static void emit(const char *text, size_t len) {
    while (len) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* What happened last, before the end. The lines carry no times here: formatting them is not for a signal handler. */
static void on_abort(int sig) {
    static const char head[] = "the last lines of the trace, oldest first:\n";
    emit(head, sizeof head - 1);
    for (size_t i = 0; i < ring_count; i++) {
        const struct trace *t = &ring[(ring_next + TRACE_RING - ring_count + i) % TRACE_RING];
        const char *name = level_name(t->level);
        emit("  ", 2);
        emit(name, strlen(name));
        emit(": ", 2);
        emit(t->text, strnlen(t->text, sizeof t->text));
        emit("\n", 1);
    }
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

void log_open(enum log_level max) {
    max_level = max;
    style = getenv("JOURNAL_STREAM") ? JOURNAL : isatty(STDERR_FILENO) ? TERMINAL : PLAIN;
    struct sigaction sa = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGABRT, &sa, NULL);
}

bool log_parse_level(const char *name, enum log_level *ret) {
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)(i + 3);
            return true;
        }
    }
    if (strcmp(name, "warning") == 0) {
        *ret = LOG_LEVEL_WARN;
        return true;
    }
    return false;
}

/* Seconds east of UTC here and now; for people's eyes only. */
static int offset_here(int64_t ms) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    return localtime_r(&t, &tm) ? (int)tm.tm_gmtoff : 0;
}

static void print(int level, int64_t at, const char *text) {
    char line[LINE_MAX_BYTES + 128], when[TIME_TEXT_MAX];
    static const char *const colours[] = {"\033[31m", "\033[33m", "\033[1m", "", "\033[2m"};
    int n;
    if (style == JOURNAL) {
        n = snprintf(line, sizeof line, "<%d>%s\n", level, text);
    } else if (style == TERMINAL) {
        const char *colour = colours[level - 3];
        time_format(at, offset_here(at), when);
        n = snprintf(line, sizeof line, "\033[2m%.8s\033[0m %s%s%s%s%s\n", when + 11, colour,
                     level <= LOG_LEVEL_WARN ? level_name(level) : "", level <= LOG_LEVEL_WARN ? ": " : "", text, *colour ? "\033[0m" : "");
    } else {
        n = snprintf(line, sizeof line, "%s %s: %s\n", time_format(at, 0, when), level_name(level), text);
    }
    if (n > 0)
        emit(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

/* Control characters as '?', invalid UTF-8 as U+FFFD, cut at a character's end. */
static void clean_into(char *out, size_t size, const char *s) {
    size_t len = 0;
    while (len < size && s[len] >= 0x20 && s[len] < 0x7f)
        len++;
    if (len < size && !s[len]) { /* plain ASCII, as nearly always */
        memcpy(out, s, len + 1);
        return;
    }
    struct buf b;
    buf_init(&b, 3 * LINE_MAX_BYTES);
    text_clean(&b, s, strlen(s));
    len = b.len < size ? b.len : size - 1;
    if (len < b.len)
        while (len && ((unsigned char)b.data[len] & 0xc0) == 0x80)
            len--;
    memcpy(out, b.data, len);
    out[len] = 0;
    buf_done(&b);
}

void log_line(enum log_level level, const char *fmt, ...) {
    int saved = errno;
    char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
    va_list ap;
    if (level < LOG_LEVEL_ERROR)
        level = LOG_LEVEL_ERROR;
    if (level > LOG_LEVEL_DEBUG)
        level = LOG_LEVEL_DEBUG;
    va_start(ap, fmt);
    if (vsnprintf(raw, sizeof raw, fmt, ap) < 0)
        raw[0] = 0;
    va_end(ap);
    clean_into(text, sizeof text, raw);
    int64_t now = clock_wall();
    struct trace *t = &ring[ring_next];
    t->at = now;
    t->level = (int)level;
    clean_into(t->text, sizeof t->text, text);
    ring_next = (ring_next + 1) % TRACE_RING;
    if (ring_count < TRACE_RING)
        ring_count++;
    if (level <= max_level)
        print((int)level, now, text);
    errno = saved;
}

void trace_dump(struct buf *b) {
    for (size_t i = 0; i < ring_count; i++) {
        const struct trace *t = &ring[(ring_next + TRACE_RING - ring_count + i) % TRACE_RING];
        char when[TIME_TEXT_MAX];
        buf_printf(b, "%s %-6s %s\n", time_format(t->at, 0, when), level_name(t->level), t->text);
    }
}
