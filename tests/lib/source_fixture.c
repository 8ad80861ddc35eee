/* SPDX-License-Identifier: Apache-2.0
 * For tests over sources; see the header. */
#include "source_fixture.h"

#include <stdio.h>

struct ruleset *fixture_ruleset(const char *dir, bool silent) {
    struct report *rep = NULL;
    struct err err = {0};
    struct ruleset *rs = NULL;
    if (report_new(&rep) < 0)
        return NULL;
    int rc = ruleset_load(dir, rep, &err, &rs);
    if (rc < 0 || report_errors(rep) || (silent && report_warnings(rep))) {
        struct buf b;
        buf_init(&b, 0);
        report_print(rep, &b, false);
        fprintf(stderr, "%s%s%s\n", b.data, err.text, rc < 0 ? "" : " (loaded)");
        buf_done(&b);
        if (rc == 0)
            ruleset_free(rs);
        rs = NULL;
    }
    report_free(rep);
    return rs;
}

void fixture_say(struct buf *out, const struct mapped *got, int64_t arrived) {
    if (got->nevents == 0)
        buf_puts(out, source_outcome_name(got->outcome));
    for (size_t i = 0; i < got->nevents; i++) {
        const struct event *e = &got->events[i];
        buf_printf(out, "%s%s %s {", i ? "; " : "", atom_name(e->kind), e->device);
        for (size_t k = 0; k < e->nfields; k++) {
            buf_printf(out, "%s%s: ", k ? ", " : "", atom_name(e->fields[k].name));
            cel_write_json(out, e->fields[k].value);
        }
        buf_putc(out, '}');
        if (e->time != arrived)
            buf_printf(out, " %+lld", (long long)(e->time - arrived));
        if (e->flags & EVENT_LATE)
            buf_puts(out, " late");
        if (e->flags & EVENT_OWN_TIME)
            buf_puts(out, " own");
        if (e->flags & EVENT_RETAINED)
            buf_puts(out, " retained");
    }
}
