/* SPDX-License-Identifier: Apache-2.0
 * What a rule's incident says and what is done with it: the `incident` mapping, and the rule's keys about forwarding, escalation, evidence and noise. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/text.h"
#include "rules/load_int.h"
#include "rules/shape_int.h"

#define DEFAULT_REPEAT (4 * TIME_HOUR) /* Alertmanager's */

/* shape_severities go from the gravest to the least, first in English, then in Chinese. */
static const char *severity_word(enum severity s, size_t first) {
    return s >= SEVERITY_MINOR && s <= SEVERITY_EXTREME ? shape_severities[first + (size_t)(SEVERITY_EXTREME - s)] : "";
}

const char *severity_name(enum severity s) { return severity_word(s, 0); }
const char *severity_zh(enum severity s) { return severity_word(s, SEVERITIES); }

bool severity_parse(const char *s, enum severity *ret) {
    for (size_t i = 0; i < 2 * SEVERITIES; i++)
        if (strcmp(shape_severities[i], s) == 0) {
            *ret = (enum severity)(SEVERITY_EXTREME - (int)(i % SEVERITIES));
            return true;
        }
    return false;
}

static void read_severity(struct reader *rd, const struct yaml_node *n, enum severity *ret) {
    if (n->kind != YAML_SCALAR || n->bad || !severity_parse(n->text, ret))
        (void)node_choice(rd, n, "'severity'", shape_severities, 2 * SEVERITIES); /* in both languages */
}

/* -- incident: ---------------------------------------------------------------------------------------------------------------------- */

static void read_category(struct rule_reading *q, const struct yaml_node *n) {
    struct report *rep = q->ld->rd.rep;
    const struct codes *codes = q->ld->rs->codes;
    struct rule *r = q->r;
    r->category = node_text(&q->ld->rd, n, "'category'");
    if (!r->category)
        return;
    r->code = codes_find(codes, r->category);
    if (r->code)
        return;
    if (codes_count(codes) == 0) {
        report_warning(rep, n->at, "list the platform's codes in codes.csv: code,name,kind,standard_ref",
                       "the category '%.60s' cannot be checked: there are no codes", r->category);
        return;
    }
    const char *near = codes_nearest(codes, r->category);
    char hint[160] = "the codes stand in codes.csv";
    if (near)
        (void)snprintf(hint, sizeof hint, "did you mean '%.40s' (%.60s)?", near, codes_find(codes, near)->name);
    report_error(rep, n->at, hint, "the category '%.60s' is not in codes.csv", r->category);
}

static void read_due(struct rule_reading *q, const struct yaml_node *n) {
    struct reader *rd = &q->ld->rd;
    if (!node_mapping(rd, n, "'due'", "due: {acknowledge: 30m, resolve: 24h}") || !shape_keys(rd, n, &due_shape))
        return;
    (void)shape_span(rd, n, &due_shape, "acknowledge", &q->r->due_acknowledge);
    (void)shape_span(rd, n, &due_shape, "resolve", &q->r->due_resolve);
    (void)shape_span(rd, n, &due_shape, "follow_up", &q->r->due_follow_up);
}

void rule_incident(struct rule_reading *q, const struct yaml_node *n) {
    struct reader *rd = &q->ld->rd;
    struct rule *r = q->r;
    const struct yaml_node *v;
    int i;
    if (!node_mapping(rd, n, "'incident'", "incident: {severity: minor, title: \"${device.name} …\"}"))
        return;
    (void)shape_keys(rd, n, &incident_shape);
    if ((v = yaml_get(n, "severity")))
        read_severity(rd, v, &r->severity);
    else
        report_error(rd->rep, n->at, "severity: extreme, severe, moderate or minor", "the incident has no 'severity'");
    if ((v = yaml_get(n, "title")))
        (void)rule_template(q, v, "'title'", &r->title);
    else
        report_error(rd->rep, n->at, "title: \"${device.name} …\"", "the incident has no 'title'");
    if ((v = yaml_get(n, "text")))
        (void)rule_template(q, v, "'text'", &r->text);
    if ((v = yaml_get(n, "category")))
        read_category(q, v);
    if ((v = yaml_get(n, "due")))
        read_due(q, v);
    if ((v = yaml_get(n, "members")))
        (void)rule_expr(q, v, "'members'", r->aggregates, CEL_DECL_DYN, &r->members);
    if ((i = shape_choice(rd, n, &incident_shape, "urgency")) >= 0)
        r->urgency = shape_key(&incident_shape, "urgency")->words[i];
    if ((i = shape_choice(rd, n, &incident_shape, "certainty")) >= 0)
        r->certainty = shape_key(&incident_shape, "certainty")->words[i];
}

/* -- what is done with it --------------------------------------------------------------------------------------------------------------- */

/* Names of platforms, or of their levels where `levels` says so. */
static void read_platforms(struct rule_reading *q, const struct yaml_node *n, const char *what, bool levels, const char *const **ret,
                           size_t *ret_n) {
    struct reader *rd = &q->ld->rd;
    const struct config *c = q->ld->rs->config;
    const struct yaml_node *const *words;
    const char *names[2 * CONFIG_MAX_PLATFORMS];
    size_t count, nnames = 0;
    if (!node_words(rd, n, what, &words, &count))
        return;
    for (size_t i = 0; i < c->nplatforms; i++) {
        names[nnames++] = c->platforms[i].name;
        if (levels && c->platforms[i].level)
            names[nnames++] = c->platforms[i].level;
    }
    const char **out = reader_alloc(rd, count * sizeof *out);
    if (!out)
        return;
    for (size_t i = 0; i < count; i++) {
        out[i] = reader_strdup(rd, words[i]->text);
        bool found = false;
        for (size_t k = 0; k < nnames && !found; k++)
            found = strcmp(names[k], words[i]->text) == 0;
        if (!found && nnames == 0)
            report_warning(rd->rep, words[i]->at, "platforms are given in gengfu.yaml", "there is no platform '%.60s': none is configured",
                           words[i]->text);
        else if (!found)
            report_unknown(rd->rep, words[i]->at, words[i]->text, names, nnames, "there is no platform '%.60s'", words[i]->text);
    }
    *ret = out;
    *ret_n = count;
}

static void read_escalation(struct rule_reading *q, const struct yaml_node *n, struct rule_escalation *e) {
    static const char example[] = "{after: 10m, while: unacknowledged, to: [town], severity: severe}";
    struct reader *rd = &q->ld->rd;
    const struct yaml_node *v;
    if (!node_mapping(rd, n, "an item of 'escalate'", example) || !shape_keys(rd, n, &escalation_shape))
        return;
    if (yaml_get(n, "after"))
        (void)shape_span(rd, n, &escalation_shape, "after", &e->after);
    else
        report_error(rd->rep, n->at, example, "the escalation does not say when: 'after'");
    e->until_resolved = shape_choice(rd, n, &escalation_shape, "while") == 1;
    if ((v = yaml_get(n, "severity")))
        read_severity(rd, v, &e->severity);
    if ((v = yaml_get(n, "to")))
        read_platforms(q, v, "'to'", true, &e->to, &e->nto);
}

static void read_escalate(struct rule_reading *q, const struct yaml_node *n) {
    struct reader *rd = &q->ld->rd;
    if (n->bad)
        return;
    if (n->kind != YAML_SEQUENCE || n->n == 0 || n->n > MAX_ESCALATIONS) {
        report_error(rd->rep, n->at, "escalate: [{after: 10m, while: unacknowledged, to: [town]}]",
                     "'escalate' must be a list of 1 to %d items", MAX_ESCALATIONS);
        return;
    }
    struct rule_escalation *list = reader_alloc(rd, n->n * sizeof *list);
    if (!list)
        return;
    for (size_t i = 0; i < n->n; i++) {
        read_escalation(q, n->items[i], &list[i]);
        if (i && list[i].after && list[i].after <= list[i - 1].after)
            report_error(rd->rep, n->items[i]->at, "order them by 'after'", "this escalation does not come after the one before it");
    }
    q->r->escalations = list;
    q->r->nescalations = n->n;
}

static void read_chattering(struct rule_reading *q, const struct yaml_node *n) {
    static const char example[] = "chattering: {changes: 6, within: 10m}";
    struct reader *rd = &q->ld->rd;
    int64_t changes = 0;
    if (!node_mapping(rd, n, "'chattering'", example) || !shape_keys(rd, n, &chattering_shape))
        return;
    const struct yaml_node *c = yaml_get(n, "changes"), *w = yaml_get(n, "within");
    if (!c || !w) {
        report_error(rd->rep, n->at, example, "'chattering' needs '%s'", c ? "within" : "changes");
        return;
    }
    if (shape_int(rd, n, &chattering_shape, "changes", &changes) &&
        shape_span(rd, n, &chattering_shape, "within", &q->r->chattering_within))
        q->r->chattering_changes = (int)changes;
}

void rule_handling(struct rule_reading *q) {
    struct reader *rd = &q->ld->rd;
    struct rule *r = q->r;
    const struct yaml_node *v;
    int64_t keys = q->ld->rs->config->max_keys;
    int i;
    r->repeat_interval = DEFAULT_REPEAT;
    if ((i = shape_choice(rd, q->n, &rule_shape, "mode")) >= 0)
        r->mode = (enum rule_mode)i;
    if ((i = shape_choice(rd, q->n, &rule_shape, "on_downtime")) >= 0)
        r->on_downtime = (enum rule_downtime)i;
    (void)shape_span(rd, q->n, &rule_shape, "hold", &r->hold);
    (void)shape_span(rd, q->n, &rule_shape, "repeat_interval", &r->repeat_interval);
    (void)shape_bool(rd, q->n, &rule_shape, "latch", &r->latch);
    (void)shape_int(rd, q->n, &rule_shape, "max_keys", &keys);
    r->max_keys = (int)keys;
    if ((v = yaml_get(q->n, "chattering")))
        read_chattering(q, v);
    if ((v = yaml_get(q->n, "escalate")))
        read_escalate(q, v);
    if ((v = yaml_get(q->n, "forward")))
        read_platforms(q, v, "'forward'", false, &r->forward, &r->nforward);
    if ((v = yaml_get(q->n, "evidence")))
        (void)rule_expr_list(q, v, "'evidence'", CEL_DECL_DYN, &r->evidence, &r->nevidence);
    if ((v = yaml_get(q->n, "exceptions")))
        (void)rule_expr_list(q, v, "'exceptions'", CEL_DECL_BOOL, &r->exceptions, &r->nexceptions);
}
