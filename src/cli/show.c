/* SPDX-License-Identifier: Apache-2.0
 * Words, colours and stamps as people see them. Severity is always a word too: colour never carries it alone. */
#include <string.h>

#include "cli_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/text.h"

#define LEAST_TEXT 20 /* columns: with less, lines are left to the terminal */

const char *severity_sgr(const char *severity) {
    enum severity s;

    if (!severity_parse(severity, &s))
        return "0";
    static const char *const sgr[] = {"0", "36", "33", "31", "1;37;41"};
    return sgr[s];
}

const char *severity_words(const char *severity) {
    enum severity s;

    if (!severity_parse(severity, &s))
        return severity;
    static const char *const words[] = {"", "一般 minor", "较大 moderate", "重大 severe", "特别重大 extreme"};
    return words[s];
}

const char *short_time(const char *rfc3339, char out[32]) {
    /* 2026-01-05T20:00:00.123+08:00 -> 01-05 20:00:00 */
    if (strlen(rfc3339) < 19) {
        (void)snprintf(out, 32, "%s", rfc3339[0] ? rfc3339 : "-");
        return out;
    }
    (void)snprintf(out, 32, "%.5s %.8s", rfc3339 + 5, rfc3339 + 11);
    return out;
}

void put_padded(struct buf *b, const char *text, size_t width) {
    size_t wide = text_width(text, strlen(text));

    text_clean(b, text, strlen(text));
    buf_fill(b, ' ', wide < width ? width - wide : 0);
}

void put_wrapped(FILE *out, size_t indent, const char *text) {
    size_t columns = (size_t)cli_columns(), at = indent;

    if (columns < indent + LEAST_TEXT)
        columns = 0;
    while (*text != '\0') {
        size_t blanks = strspn(text, " "), n = strcspn(text + blanks, " \n"), wide = text_width(text + blanks, n);

        if (columns > 0 && at > indent && at + blanks + wide > columns) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else {
            (void)fprintf(out, "%*s", (int)blanks, "");
            at += blanks;
        }
        (void)fwrite(text + blanks, 1, n, out);
        at += wide;
        text += blanks + n;
        if (*text == '\n') {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            text++;
        }
    }
    (void)fputc('\n', out);
}

void print_incident_line(FILE *out, const cJSON *doc, bool colour) {
    const char *severity = json_str(doc, "severity", "");
    const char *place = json_str(json_get(doc, "place"), "name", "");
    char when[32];
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s  ", short_time(json_str(json_get(doc, "times"), "updated", ""), when));
    if (colour)
        buf_printf(&b, "\033[%sm", severity_sgr(severity));
    text_column(&b, severity_words(severity), 16);
    if (colour)
        buf_puts(&b, "\033[0m");
    buf_puts(&b, "  ");
    text_column(&b, json_str(doc, "change", ""), 8);
    buf_puts(&b, "  ");
    put_padded(&b, json_str(doc, "number", ""), 20);
    buf_puts(&b, "  ");
    text_clean(&b, json_str(doc, "title", ""), strlen(json_str(doc, "title", "")));
    if (place[0] != '\0') {
        buf_puts(&b, "  ");
        text_clean(&b, place, strlen(place));
    }
    (void)fprintf(out, "%s\n", b.data);
    buf_done(&b);
}
