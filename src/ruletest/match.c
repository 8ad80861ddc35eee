/* SPDX-License-Identifier: Apache-2.0
 * What came against what was expected. Times are exact to the second; within a second the order is free, so revisions and expectations are matched as a whole (augmenting paths): if
 * there is a way to pair them all, it is found. What is left is paired with its nearest miss, so that one wrong value is one complaint and not two. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "ruletest/ruletest_int.h"

static int64_t second_of(int64_t ms) { return ms / TIME_SECOND; }

static const cJSON *came(const struct check *c, const struct told *t) {
    const cJSON *from = c->field->object ? json_get(t->doc, c->field->object) : t->doc;
    return from ? json_get(from, c->field->member) : NULL;
}

static bool same_text(const cJSON *a, const char *b) { return strcmp(a && cJSON_IsString(a) ? a->valuestring : "", b) == 0; }

/* -- lists -------------------------------------------------------------------------------------------------------------------- */
static bool names_incident(const struct run *r, const cJSON *id, const cJSON *want) {
    const struct seen_incident *s = cJSON_IsString(id) && cJSON_IsString(want) ? map_gets(&r->incidents, id->valuestring) : NULL;
    return s && ((s->device && strcmp(s->device, want->valuestring) == 0) || strcmp(s->key, want->valuestring) == 0);
}

/* Every wanted one is there, and nothing else; in any order. */
static bool same_set(const struct run *r, const struct check *c, const cJSON *list) {
    const cJSON *want, *item;

    if (cJSON_IsNumber(c->want))
        return cJSON_GetArraySize(list) == (int)c->want->valuedouble;
    if (cJSON_GetArraySize(list) != cJSON_GetArraySize(c->want))
        return false;
    cJSON_ArrayForEach(want, c->want) {
        bool found = false;
        cJSON_ArrayForEach(item, list) found =
            found || (c->field->how == CHECK_MEMBERS ? names_incident(r, item, want) : cel_equal(cel_json(item), cel_json(want)));
        if (!found)
            return false;
    }
    return true;
}

static bool same_list(const struct check *c, const cJSON *list) {
    if (cJSON_IsNumber(c->want))
        return cJSON_GetArraySize(list) == (int)c->want->valuedouble;
    return list ? cel_equal(cel_json(list), cel_json(c->want)) : cJSON_GetArraySize(c->want) == 0;
}

static bool has_part(const struct check *c, const cJSON *whole) {
    const cJSON *want;

    cJSON_ArrayForEach(want, c->want) {
        const cJSON *item = whole ? json_get(whole, want->string) : NULL;
        if (cJSON_IsNull(want) ? item != NULL && !cJSON_IsNull(item) : !item || !cel_equal(cel_json(item), cel_json(want)))
            return false;
    }
    return true;
}

/* -- due: counted from the raise, follow_up from the end ---------------------------------------------------------------------------------------------------- */
static bool stamp(const cJSON *s, int64_t *ret) {
    int64_t seconds;
    int nanos;
    bool zoned;

    if (!cJSON_IsString(s) || time_parse(s->valuestring, strlen(s->valuestring), true, &seconds, &nanos, &zoned) < 0)
        return false;
    *ret = seconds * 1000 + nanos / 1000000;
    return true;
}

static bool due_after(const struct told *t, const cJSON *due, const char *name, int64_t *ret) {
    const cJSON *times = json_get(t->doc, "times");
    int64_t at, from;

    if (!times || !stamp(due, &at) || !stamp(json_get(times, strcmp(name, "follow_up") == 0 ? "resolved" : "raised"), &from))
        return false;
    *ret = at - from;
    return true;
}

static bool same_due(const struct check *c, const struct told *t) {
    const cJSON *want, *due = json_get(t->doc, "due");
    int64_t span, is;

    cJSON_ArrayForEach(want, c->want) {
        if (!cJSON_IsString(want) || span_parse(want->valuestring, strlen(want->valuestring), &span, NULL) < 0 || !due ||
            !due_after(t, json_get(due, want->string), want->string, &is) || is != span)
            return false;
    }
    return true;
}

/* -- one check --------------------------------------------------------------------------------------------------------------------------- */
static const char *rule_of(const struct run *r, const cJSON *id) {
    const struct seen_incident *s = id && cJSON_IsString(id) ? map_gets(&r->incidents, id->valuestring) : NULL;
    return s ? s->rule : "";
}

bool check_holds(const struct run *r, const struct expected *e, const struct check *c, const struct told *t) {
    const cJSON *v = came(c, t);

    (void)e;
    switch (c->field->how) {
    case CHECK_TEXT:
    case CHECK_SEVERITY: return same_text(v, c->want->valuestring);
    case CHECK_NUMBER: return v && cJSON_IsNumber(v) && v->valuedouble == c->want->valuedouble;
    case CHECK_INT: return (v && cJSON_IsNumber(v) ? v->valuedouble : 0) == c->want->valuedouble;
    case CHECK_BOOL: return cJSON_IsTrue(v) == cJSON_IsTrue(c->want);
    case CHECK_SET:
    case CHECK_MEMBERS: return same_set(r, c, v);
    case CHECK_LIST: return same_list(c, v);
    case CHECK_PART: return has_part(c, v);
    case CHECK_RULE: return strcmp(rule_of(r, v), c->want->valuestring) == 0;
    case CHECK_DUE: return same_due(c, t);
    }
    return false;
}

static const char *text_of(struct run *r, struct buf *b) {
    const char *s = b->failed ? NULL : arena_strdup(&r->arena, b->data);
    buf_done(b);
    r->oom = r->oom || !s;
    return s ? s : "?";
}

const char *check_came(struct run *r, const struct check *c, const struct told *t) {
    const cJSON *v = came(c, t), *item;
    char span[TIME_TEXT_MAX];
    int64_t ms;
    struct buf b;

    buf_init(&b, 1 << 20);
    if (c->field->how == CHECK_RULE) {
        buf_puts(&b, rule_of(r, v));
    } else if (c->field->how == CHECK_DUE) {
        cJSON_ArrayForEach(item, v) if (due_after(t, item, item->string, &ms))
            buf_printf(&b, "%s%s %s", b.len ? ", " : "", item->string, span_format(ms, span));
    } else if (c->field->how == CHECK_MEMBERS && cJSON_IsArray(c->want)) {
        cJSON_ArrayForEach(item, v) {
            const struct seen_incident *s = cJSON_IsString(item) ? map_gets(&r->incidents, item->valuestring) : NULL;
            buf_printf(&b, "%s%s", b.len ? ", " : "", !s ? "?" : s->device ? s->device : s->key);
        }
    } else if (cJSON_IsNumber(c->want) && cJSON_IsArray(v)) {
        buf_put_int(&b, cJSON_GetArraySize(v));
    } else if (v) {
        json_write(&b, v);
    }
    if (b.len == 0)
        buf_puts(&b, c->field->how == CHECK_INT || cJSON_IsNumber(c->want) ? "0" : "not there");
    return text_of(r, &b);
}

const char *check_want(struct run *r, const struct check *c) {
    const cJSON *item;
    struct buf b;

    buf_init(&b, 1 << 20);
    if (c->field->how == CHECK_DUE) {
        cJSON_ArrayForEach(item, c->want)
            buf_printf(&b, "%s%s %s", b.len ? ", " : "", item->string, cJSON_IsString(item) ? item->valuestring : "?");
    } else if (c->field->how == CHECK_MEMBERS && cJSON_IsArray(c->want)) {
        cJSON_ArrayForEach(item, c->want) buf_printf(&b, "%s%s", b.len ? ", " : "", cJSON_IsString(item) ? item->valuestring : "?");
    } else if (c->field->how == CHECK_RULE) {
        buf_puts(&b, c->want->valuestring);
    } else {
        json_write(&b, c->want);
    }
    return text_of(r, &b);
}

/* -- pairing -------------------------------------------------------------------------------------------------------------------------------- */
static bool same_name(const struct expected *e, const struct told *t) { return strcmp(e->rule->name, t->rule) == 0; }

static size_t wrong_checks(const struct run *r, const struct expected *e, const struct told *t) {
    size_t n = 0;
    for (size_t i = 0; i < e->nchecks; i++)
        n += !check_holds(r, e, &e->checks[i], t);
    return n;
}

static bool fits(const struct run *r, const struct expected *e, const struct told *t) {
    return second_of(e->at) == second_of(t->at) && e->change == t->change && same_name(e, t) && wrong_checks(r, e, t) == 0;
}

struct pairing {
    struct run *r;
    bool *tried; /* revisions seen on this path */
};

/* Gives expectation e a revision, moving another expectation to another revision where that frees one. */
static bool pair(struct pairing *p, size_t e) {
    struct run *r = p->r;
    const struct expected *want = &r->test->expected[e];

    for (size_t i = 0; i < r->ntold; i++) {
        struct told *t = &r->told[i];
        if (p->tried[i] || !fits(r, want, t))
            continue;
        p->tried[i] = true;
        if (t->expected < 0 || pair(p, (size_t)t->expected)) {
            t->expected = (ssize_t)e;
            return true;
        }
    }
    return false;
}

/* -- what is left --------------------------------------------------------------------------------------------------------------------------- */
static void add_difference(struct run *r, struct problem *p, const char *field, const char *want, const char *is) {
    p->differences[p->ndifferences++] = (struct difference){.field = field, .want = want, .came = is};
    r->oom = r->oom || !want || !is;
}

static const char *span_text(struct run *r, int64_t ms) {
    char span[TIME_TEXT_MAX];
    return arena_strdup(&r->arena, span_format(ms, span));
}

static void describe(struct run *r, struct problem *p) {
    const struct expected *e = p->expected;
    const struct told *t = p->told;

    p->differences = arena_alloc(&r->arena, (e->nchecks + 2) * sizeof *p->differences);
    if (!p->differences) {
        r->oom = true;
        return;
    }
    if (second_of(e->at) != second_of(t->at))
        add_difference(r, p, "at", span_text(r, e->at), span_text(r, t->at));
    if (e->change != t->change)
        add_difference(r, p, "change", change_name(e->change), change_name(t->change));
    for (size_t i = 0; i < e->nchecks; i++)
        if (!check_holds(r, e, &e->checks[i], t))
            add_difference(r, p, e->checks[i].field->key.name, check_want(r, &e->checks[i]), check_came(r, &e->checks[i], t));
}

static bool other_key(const struct run *r, const struct expected *e, const struct told *t) {
    for (size_t i = 0; i < e->nchecks; i++) {
        const char *name = e->checks[i].field->key.name;
        if ((strcmp(name, "by") == 0 || strcmp(name, "device") == 0) && !check_holds(r, e, &e->checks[i], t))
            return true;
    }
    return false;
}

/* How far a revision is from what was expected; SIZE_MAX: it is something else. Values first, then the time, then the change. */
static size_t distance(const struct run *r, const struct expected *e, const struct told *t) {
    bool time = second_of(e->at) != second_of(t->at), change = e->change != t->change;
    size_t wrong;

    if (!same_name(e, t) || (time && (change || other_key(r, e, t))))
        return SIZE_MAX;
    wrong = wrong_checks(r, e, t);
    if ((time || change) && wrong > 2)
        return SIZE_MAX;
    return wrong + (time ? 100 : 0) + (change ? 200 : 0);
}

static struct told *nearest(struct run *r, const struct expected *e) {
    struct told *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < r->ntold; i++) {
        struct told *t = &r->told[i];
        size_t d = t->expected < 0 ? distance(r, e, t) : SIZE_MAX;
        if (d < least || (d == least && d != SIZE_MAX && llabs(t->at - e->at) < llabs(best->at - e->at))) {
            least = d;
            best = t;
        }
    }
    return best;
}

static int by_time(const void *a, const void *b) {
    const struct problem *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* Whether the test looks at what this rule raises. */
static bool looked_at(const struct run *r, const struct told *t) {
    const struct rule *rule = ruleset_rule(r->suite->given, t->rule);
    bool found = r->test->nfiles == 0 || !rule;

    for (size_t i = 0; i < r->test->nfiles && !found; i++)
        found = pattern_fits(r->test->files[i], rule->file);
    return found;
}

static void leftovers(struct run *r, const bool *paired) {
    for (size_t e = 0; e < r->test->nexpected; e++) {
        const struct expected *want = &r->test->expected[e];
        struct told *t = paired[e] ? NULL : nearest(r, want);
        struct problem *p = paired[e] ? NULL : run_problem(r, t ? PROBLEM_DIFFERENT : PROBLEM_MISSING);
        if (!p)
            continue;
        p->at = want->at;
        p->expected = want;
        p->place = want->place;
        if ((p->told = t) != NULL) {
            t->expected = (ssize_t)e;
            describe(r, p);
        }
    }
    for (size_t i = 0; i < r->ntold; i++) {
        bool ignored = (r->test->ignored >> r->told[i].change & 1u) != 0;
        struct problem *p = r->told[i].expected < 0 && !ignored && looked_at(r, &r->told[i]) ? run_problem(r, PROBLEM_UNEXPECTED) : NULL;
        if (p) {
            p->told = &r->told[i];
            p->at = p->told->at;
        }
    }
}

int match_run(struct run *r) {
    struct pairing p = {.r = r, .tried = calloc(r->ntold + 1, 1)};
    bool *paired = calloc(r->test->nexpected + 1, 1);

    if (!p.tried || !paired)
        r->oom = true;
    for (size_t e = 0; !r->oom && e < r->test->nexpected; e++) {
        memset(p.tried, 0, r->ntold);
        paired[e] = pair(&p, e);
    }
    if (!r->oom)
        leftovers(r, paired);
    if (r->dropped) {
        struct problem *d = run_problem(r, PROBLEM_INPUT);
        if (d) {
            d->place = r->test->place;
            d->sentence =
                run_text(r, "%llu more revisions came than the %d that are kept", (unsigned long long)r->dropped, RULETEST_MAX_TOLD);
        }
    }
    if (r->nproblems)
        qsort(r->problems, r->nproblems, sizeof *r->problems, by_time);
    free(p.tried);
    free(paired);
    return r->oom ? GF_ENOMEM : 0;
}
