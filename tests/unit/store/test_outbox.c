/* SPDX-License-Identifier: Apache-2.0
 * The outbox: what waits for which platform, in which order, what becomes of it, and what gives way when there is no room. */
#include "store_fx.h"

#include <stdlib.h>
#include <string.h>

static struct outbox_row rows[64];

static int next(struct fx *f, const char *platform, int64_t now, const char *const *busy, size_t nbusy, size_t n) {
    int rc = store_outbox_next(f->store, platform, now, busy, nbusy, n, &f->arena, rows, &f->err);
    fx_ok(f, rc);
    return rc;
}

static void assert_order(struct fx *f, const char *platform, int64_t now, const char *want) {
    char got[1024];
    size_t len = 0;
    got[0] = 0;
    int n = next(f, platform, now, NULL, 0, 64);
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%s.%u", i ? " " : "", rows[i].incident, rows[i].revision);
    assert_string_equal(got, want);
}

static void outcome(struct fx *f, const char *platform, const char *incident, uint32_t revision, enum outbox_result result,
                    int64_t next_try, const char *why) {
    struct outbox_outcome o = {
        .platform = platform, .incident = incident, .revision = revision, .result = result, .next_try = next_try, .why = why, .at = T0};
    fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err));
}

static struct store_outbox_counts counts(struct fx *f, const char *platform) {
    struct store_outbox_counts c;
    fx_ok(f, store_outbox_counts(f->store, platform, &c, &f->err));
    return c;
}

static void severity_first_fresh_before_backlog(void **state) {
    struct fx *f = *state;
    fx_incident(f, "old-minor", 1, SEVERITY_MINOR, 50);
    fx_incident(f, "old-severe", 1, SEVERITY_SEVERE, 50);
    fx_commit(f, T0);
    fx_incident(f, "older-severe-2", 1, SEVERITY_SEVERE, 50);
    fx_commit(f, T0 + 1000);
    fx_incident(f, "new-severe-1", 1, SEVERITY_SEVERE, 50);
    fx_commit(f, T0 + 100000);
    fx_incident(f, "new-severe-2", 1, SEVERITY_SEVERE, 50);
    fx_incident(f, "new-minor", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0 + 101000);
    fx_incident(f, "extreme", 1, SEVERITY_EXTREME, 50);
    fx_commit(f, T0 + 1);
    const char *want = "extreme.1 new-severe-2.1 new-severe-1.1 old-severe.1 older-severe-2.1 new-minor.1 old-minor.1";
    assert_order(f, "city", T0 + 101000, want);
    fx_reopen(f);
    assert_order(f, "city", T0 + 101000, want);
    assert_order(f, "town", T0 + 101000, want);
    assert_order(f, "nobody", T0 + 101000, "");
    const char *busy[] = {"extreme", "new-severe-1"};
    assert_int_equal(next(f, "city", T0 + 101000, busy, 2, 2), 2);
    assert_string_equal(rows[0].incident, "new-severe-2");
    assert_string_equal(rows[1].incident, "old-severe");
    assert_int_equal(next(f, "city", T0 + 101000, NULL, 0, 0), 0);
}

static void a_row_says_everything(void **state) {
    struct fx *f = *state;
    struct effect_incident *i = fx_incident(f, "01B", 1, SEVERITY_MODERATE, 300);
    const char *doc = i->body;
    char *want = strdup(doc);
    assert_non_null(want);
    i->change = CHANGE_OPENED;
    fx_commit(f, T0);
    assert_int_equal(next(f, "city", T0, NULL, 0, 5), 1);
    assert_string_equal(rows[0].platform, "city");
    assert_string_equal(rows[0].incident, "01B");
    assert_string_equal(rows[0].number, "gw-1-01B");
    assert_string_equal(rows[0].title, "路灯不亮");
    assert_int_equal(rows[0].change, CHANGE_OPENED);
    assert_int_equal(rows[0].severity, SEVERITY_MODERATE);
    assert_int_equal(rows[0].queued, T0);
    assert_int_equal(rows[0].first, T0);
    assert_int_equal(rows[0].attempts, 0);
    assert_int_equal(rows[0].next_try, 0);
    assert_false(rows[0].dead);
    assert_null(rows[0].why);
    assert_string_equal(rows[0].body, want);
    assert_int_equal(rows[0].len, strlen(want));
    free(want);
}

/* A platform that has confirmed nothing of an incident hears of it as opened, however often it changed meanwhile. */
static void news_stays_opened_until_something_is_confirmed(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_MINOR, 50)->change = CHANGE_OPENED;
    fx_commit(f, T0);
    outcome(f, "town", "i", 1, OUTBOX_CONFIRMED, 0, NULL);
    fx_incident(f, "i", 2, SEVERITY_MINOR, 50)->change = CHANGE_UPDATED;
    fx_commit(f, T0 + 1);
    assert_int_equal(next(f, "town", T0 + 1, NULL, 0, 5), 1);
    assert_int_equal(rows[0].change, CHANGE_UPDATED);
    assert_int_equal(next(f, "city", T0 + 1, NULL, 0, 5), 1);
    assert_int_equal(rows[0].change, CHANGE_OPENED);
    assert_int_equal(rows[0].revision, 2);
    outcome(f, "city", "i", 1, OUTBOX_CONFIRMED, 0, NULL); /* the first was on its way when the second was made */
    assert_int_equal(next(f, "city", T0 + 1, NULL, 0, 5), 1);
    assert_int_equal(rows[0].change, CHANGE_UPDATED);
    fx_incident(f, "j", 1, SEVERITY_MINOR, 50)->change = CHANGE_OPENED;
    fx_commit(f, T0 + 2);
    outcome(f, "city", "j", 1, OUTBOX_DEAD, 0, "400");
    fx_incident(f, "j", 2, SEVERITY_MINOR, 50)->change = CHANGE_RESOLVED;
    fx_commit(f, T0 + 3);
    assert_int_equal(next(f, "city", T0 + 3, NULL, 0, 5), 2);
    assert_string_equal(rows[0].incident, "j");
    assert_int_equal(rows[0].change, CHANGE_RESOLVED);
}

/* One id, one message: what was told as opened is told so when it is sent again, though the incident has long been something else. */
static void a_resend_says_what_was_said(void **state) {
    struct fx *f = *state;
    fx_incident(f, "01RESENDS", 1, SEVERITY_MINOR, 50)->change = CHANGE_OPENED;
    fx_commit(f, T0);
    outcome(f, "town", "01RESENDS", 1, OUTBOX_CONFIRMED, 0, NULL);
    fx_incident(f, "01RESENDS", 2, SEVERITY_MINOR, 50)->change = CHANGE_UPDATED;
    fx_commit(f, T0 + 1);
    outcome(f, "town", "01RESENDS", 2, OUTBOX_CONFIRMED, 0, NULL);
    outcome(f, "city", "01RESENDS", 2, OUTBOX_CONFIRMED, 0, NULL); /* its first of this incident, as opened */
    for (int again = 0; again < 2; again++) {
        fx_ok(f, store_outbox_resend(f->store, NULL, NULL, ~0u, "01RESENDS", T0 + 2, NULL, &f->err));
        assert_int_equal(next(f, "city", T0 + 2, NULL, 0, 5), 1);
        assert_int_equal(rows[0].revision, 2);
        assert_int_equal(rows[0].change, CHANGE_OPENED);
        assert_int_equal(next(f, "town", T0 + 2, NULL, 0, 5), 1);
        assert_int_equal(rows[0].change, CHANGE_UPDATED);
        outcome(f, "town", "01RESENDS", 2, OUTBOX_CONFIRMED, 0, NULL);
        outcome(f, "city", "01RESENDS", 2, OUTBOX_CONFIRMED, 0, NULL);
        fx_reopen(f);
    }
    fx_incident(f, "01RESENDS", 3, SEVERITY_MINOR, 50)->change = CHANGE_UPDATED; /* the next is what it is */
    fx_commit(f, T0 + 3);
    outcome(f, "city", "01RESENDS", 3, OUTBOX_CONFIRMED, 0, NULL);
    fx_ok(f, store_outbox_resend(f->store, NULL, "city", ~0u, "01RESENDS", T0 + 4, NULL, &f->err));
    assert_int_equal(next(f, "city", T0 + 4, NULL, 0, 5), 1);
    assert_int_equal(rows[0].change, CHANGE_UPDATED);
}

/* A receipt after its time does not change what may have been sent meanwhile. */
static void a_late_receipt_changes_no_words(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_MINOR, 50)->change = CHANGE_OPENED;
    fx_commit(f, T0);
    fx_incident(f, "i", 2, SEVERITY_MINOR, 50)->change = CHANGE_UPDATED;
    fx_commit(f, T0 + 1);
    struct outbox_outcome o = {.platform = "city", .incident = "i", .revision = 1, .result = OUTBOX_CONFIRMED, .at = T0 + 1, .late = true};
    fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err));
    assert_int_equal(next(f, "city", T0 + 1, NULL, 0, 5), 1);
    assert_int_equal(rows[0].change, CHANGE_OPENED);
    o.revision = 2; /* but what it confirms is confirmed */
    fx_ok(f, store_outbox_outcomes(f->store, &o, 1, &f->err));
    assert_int_equal(next(f, "city", T0 + 1, NULL, 0, 5), 0);
}

static void three_changes_are_one_row(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_MINOR, 50);
    fx_incident(f, "i", 2, SEVERITY_SEVERE, 60);
    fx_commit(f, T0);
    fx_incident(f, "i", 3, SEVERITY_MODERATE, 70)->change = CHANGE_RESOLVED;
    fx_commit(f, T0 + 5);
    assert_order(f, "city", T0 + 5, "i.3");
    assert_int_equal(rows[0].change, CHANGE_RESOLVED);
    assert_int_equal(rows[0].severity, SEVERITY_MODERATE);
    assert_int_equal(rows[0].first, T0);
    assert_int_equal(rows[0].queued, T0 + 5);
    assert_non_null(strstr(rows[0].body, "\"revision\":3"));
    struct store_outbox_counts c = counts(f, "city");
    assert_int_equal(c.waiting, 1);
    assert_int_equal(c.bytes, rows[0].len);
    fx_reopen(f);
    assert_int_equal(counts(f, NULL).bytes, 2 * c.bytes);
}

/* A count changes the document, not the revision: what is sent under the revision's id stays the same, at each retry and each resend. */
static void the_same_bytes_however_often(void **state) {
    struct fx *f = *state;
    fx_incident(f, "01BYTES", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0);
    assert_int_equal(next(f, "city", T0, NULL, 0, 5), 1);
    char *first = strdup(rows[0].body);
    assert_non_null(first);
    for (int i = 1; i <= 3; i++) {
        fx_incident(f, "01BYTES", 1, SEVERITY_MINOR, 50 + (size_t)i)->publish = false;
        fx_commit(f, T0 + i);
        outcome(f, "city", "01BYTES", 1, OUTBOX_RETRY, T0 + i, "down");
        assert_int_equal(next(f, "city", T0 + i, NULL, 0, 5), 1);
        assert_string_equal(rows[0].body, first);
        fx_reopen(f);
    }
    const char *body;
    size_t len;
    fx_ok(f, store_incident(f->store, "01BYTES", &f->arena, &body, &len, &f->err)); /* people see it as it now stands */
    assert_string_not_equal(body, first);
    outcome(f, "city", "01BYTES", 1, OUTBOX_CONFIRMED, 0, NULL);
    fx_ok(f, store_outbox_resend(f->store, NULL, "city", ~0u, "01BYTES", T0 + 5, NULL, &f->err));
    assert_int_equal(next(f, "city", T0 + 5, NULL, 0, 5), 1);
    assert_string_equal(rows[0].body, first);
    free(first);
    fx_incident(f, "01BYTES", 2, SEVERITY_MINOR, 60);
    fx_commit(f, T0 + 6);
    assert_int_equal(next(f, "city", T0 + 6, NULL, 0, 5), 1);
    assert_non_null(strstr(rows[0].body, "\"revision\":2"));
}

static void only_the_platforms_that_were_named(void **state) {
    struct fx *f = *state;
    fx_incident(f, "both", 1, SEVERITY_MINOR, 50)->platforms = 3;
    fx_incident(f, "city", 1, SEVERITY_MINOR, 50)->platforms = 1;
    fx_incident(f, "town", 1, SEVERITY_MINOR, 50)->platforms = 2;
    fx_incident(f, "nobody", 1, SEVERITY_MINOR, 50)->platforms = 0;
    fx_incident(f, "more", 1, SEVERITY_MINOR, 50)->platforms = 0xfffffffc;
    fx_incident(f, "silent", 1, SEVERITY_MINOR, 50)->publish = false;
    fx_commit(f, T0);
    assert_int_equal(counts(f, "city").waiting, 2);
    assert_int_equal(counts(f, "town").waiting, 2);
    /* One that waits is brought up to date though the newer revision is not for this platform: the document that it is sent is the newer one. */
    fx_incident(f, "city", 2, SEVERITY_MINOR, 50)->platforms = 0;
    fx_commit(f, T0 + 1);
    assert_order(f, "city", T0 + 1, "city.2 both.1");
    assert_order(f, "town", T0 + 1, "town.1 both.1");
}

static void a_confirmation_takes_only_what_it_confirms(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_MINOR, 50);
    fx_incident(f, "j", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0);
    assert_int_equal(next(f, "city", T0, NULL, 0, 5), 2); /* and both are on their way */
    fx_incident(f, "i", 2, SEVERITY_MINOR, 50);
    fx_commit(f, T0 + 1);
    struct outbox_outcome both[] = {{.platform = "city", .incident = "i", .revision = 1, .result = OUTBOX_CONFIRMED},
                                    {.platform = "city", .incident = "j", .revision = 1, .result = OUTBOX_CONFIRMED},
                                    {.platform = "city", .incident = "no such incident", .revision = 1, .result = OUTBOX_CONFIRMED},
                                    {.platform = "no such platform", .incident = "i", .revision = 2, .result = OUTBOX_CONFIRMED}};
    fx_ok(f, store_outbox_outcomes(f->store, both, 4, &f->err));
    assert_order(f, "city", T0 + 1, "i.2");
    assert_int_equal(store_outbox_due(f->store, "city"), 0);
    assert_int_equal(counts(f, "town").waiting, 2);
    /* Failures of the older revision say nothing about the newer one. */
    outcome(f, "city", "i", 1, OUTBOX_RETRY, T0 + 99999, "down");
    outcome(f, "city", "i", 1, OUTBOX_DEAD, 0, "400");
    assert_order(f, "city", T0 + 1, "i.2");
    outcome(f, "city", "i", 2, OUTBOX_CONFIRMED, 0, NULL);
    outcome(f, "city", "i", 2, OUTBOX_CONFIRMED, 0, NULL); /* told twice */
    assert_order(f, "city", T0 + 1, "");
    assert_int_equal(store_outbox_due(f->store, "city"), INT64_MAX);
    fx_ok(f, store_outbox_outcomes(f->store, NULL, 0, &f->err));
    fx_reopen(f);
    assert_order(f, "city", T0 + 1, "");
}

static void a_retry_waits_for_its_time(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_SEVERE, 50);
    fx_incident(f, "j", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0);
    outcome(f, "city", "i", 1, OUTBOX_RETRY, T0 + 5000, "connection refused");
    assert_order(f, "city", T0 + 4999, "j.1");
    assert_int_equal(store_outbox_due(f->store, "city"), 0);
    outcome(f, "city", "j", 1, OUTBOX_RETRY, T0 + 9000, NULL);
    assert_int_equal(store_outbox_due(f->store, "city"), T0 + 5000);
    assert_int_equal(store_outbox_due(f->store, "town"), 0);
    assert_order(f, "city", T0 + 4999, "");
    assert_order(f, "city", T0 + 5000, "i.1");
    assert_int_equal(rows[0].attempts, 1);
    assert_string_equal(rows[0].why, "connection refused");
    fx_reopen(f);
    assert_order(f, "city", T0 + 9000, "i.1 j.1");
    /* The clock was set back by a year meanwhile: nothing waits that long. */
    assert_order(f, "city", T0 - 365 * TIME_DAY, "i.1 j.1");
    /* A newer revision is ready at once, with a fresh count. */
    fx_incident(f, "i", 2, SEVERITY_SEVERE, 50);
    fx_commit(f, T0 + 1);
    assert_order(f, "city", T0 + 1, "i.2");
    assert_int_equal(rows[0].attempts, 0);
    assert_null(rows[0].why);
}

static int dead_only(void *ctx, const struct outbox_row *row) {
    char *out = ctx;
    size_t len = strlen(out);
    (void)snprintf(out + len, 1024 - len, "%s/%s.%u%s(%s) ", row->platform, row->incident, row->revision, row->dead ? " dead" : "",
                   row->why ? row->why : "");
    return 0;
}

static void the_dead_are_shown_and_come_back(void **state) {
    struct fx *f = *state;
    char text[1024] = "";
    fx_incident(f, "01DEADLETTER", 1, SEVERITY_SEVERE, 50);
    fx_incident(f, "01ALIVEANDWELL", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0);
    outcome(f, "city", "01DEADLETTER", 1, OUTBOX_DEAD, 0, "400 Bad Request");
    assert_order(f, "city", T0, "01ALIVEANDWELL.1");
    assert_int_equal(counts(f, "city").dead, 1);
    assert_int_equal(counts(f, NULL).dead, 1);
    assert_int_equal(counts(f, NULL).waiting, 3);
    fx_ok(f, store_each_outbox(f->store, true, dead_only, text, &f->err));
    assert_string_equal(text, "city/01DEADLETTER.1 dead(400 Bad Request) ");
    text[0] = 0;
    fx_ok(f, store_each_outbox(f->store, false, dead_only, text, &f->err));
    assert_string_equal(text,
                        "city/01DEADLETTER.1 dead(400 Bad Request) city/01ALIVEANDWELL.1() town/01DEADLETTER.1() town/01ALIVEANDWELL.1() ");
    size_t n = 0;
    fx_ok(f, store_outbox_resend(f->store, NULL, "city", ~0u, "01DEADLETTER", T0 + 7, &n, &f->err));
    assert_int_equal(n, 1);
    assert_order(f, "city", T0 + 7, "01DEADLETTER.1 01ALIVEANDWELL.1");
    assert_int_equal(rows[0].queued, T0 + 7);
    assert_int_equal(rows[0].first, T0);
    /* A newer revision raises the dead as well. */
    outcome(f, "city", "01DEADLETTER", 1, OUTBOX_DEAD, 0, "413");
    fx_incident(f, "01DEADLETTER", 2, SEVERITY_SEVERE, 50);
    fx_commit(f, T0 + 8);
    assert_int_equal(counts(f, NULL).dead, 0);
    /* What was sent and confirmed long ago can be sent again, to all, by its number too. */
    outcome(f, "city", "01DEADLETTER", 2, OUTBOX_CONFIRMED, 0, NULL);
    outcome(f, "town", "01DEADLETTER", 2, OUTBOX_CONFIRMED, 0, NULL);
    fx_ok(f, store_outbox_resend(f->store, NULL, NULL, ~0u, "gw-1-01DEADLETTER", T0 + 9, &n, &f->err));
    assert_int_equal(n, 2);
    assert_order(f, "town", T0 + 9, "01DEADLETTER.2 01ALIVEANDWELL.1");
    assert_int_equal(store_outbox_resend(f->store, NULL, NULL, ~0u, "01NOSUCHTHING", T0, &n, &f->err), GF_ENOTFOUND);
    assert_says(f, "01NOSUCHTHING");
    fx_incident(f, "01SHADOWED", 1, SEVERITY_MINOR, 50)->publish = false;
    fx_commit(f, T0 + 10);
    assert_int_equal(store_outbox_resend(f->store, NULL, NULL, ~0u, "01SHADOWED", T0, &n, &f->err), GF_ESTATE);
    assert_says(f, "01SHADOWED");
    assert_int_equal(store_outbox_resend(f->store, NULL, "village", ~0u, "01DEADLETTER", T0, &n, &f->err), GF_ENOTFOUND);
    assert_says(f, "village");
    int64_t bytes = counts(f, NULL).bytes;
    fx_reopen(f);
    assert_int_equal(counts(f, NULL).bytes, bytes);
}

/* Whom an incident never concerned does not get it by a resend; who has it waiting or dead is owed it. */
static void a_resend_goes_to_its_audience(void **state) {
    struct fx *f = *state;
    size_t n = 0;
    fx_incident(f, "01NARROW", 1, SEVERITY_SEVERE, 50)->platforms = 1;
    fx_commit(f, T0);
    outcome(f, "city", "01NARROW", 1, OUTBOX_CONFIRMED, 0, NULL);
    fx_ok(f, store_outbox_resend(f->store, NULL, NULL, 1, "01NARROW", T0 + 1, &n, &f->err));
    assert_int_equal(n, 1);
    assert_order(f, "city", T0 + 1, "01NARROW.1");
    assert_order(f, "town", T0 + 1, "");
    assert_int_equal(store_outbox_resend(f->store, NULL, "town", 1, "01NARROW", T0 + 1, &n, &f->err), GF_ESTATE);
    assert_says(f, "01NARROW is not for the platform \"town\"");
    outcome(f, "city", "01NARROW", 1, OUTBOX_DEAD, 0, "422");
    fx_ok(f, store_outbox_resend(f->store, NULL, "city", 0, "01NARROW", T0 + 2, &n, &f->err));
    assert_order(f, "city", T0 + 2, "01NARROW.1");
    outcome(f, "city", "01NARROW", 1, OUTBOX_CONFIRMED, 0, NULL);
    assert_int_equal(store_outbox_resend(f->store, NULL, NULL, 0, "01NARROW", T0 + 3, &n, &f->err), GF_ESTATE);
    assert_says(f, "01NARROW is not for any platform");
}

static void platforms_come_and_go(void **state) {
    struct fx *f = *state;
    fx_incident(f, "i", 1, SEVERITY_MINOR, 50);
    fx_commit(f, T0);
    const char *now[] = {"village", "town"};
    fx_ok(f, store_platforms(f->store, now, 2, &f->err));
    struct store_outbox_counts c = counts(f, NULL);
    assert_int_equal(c.orphaned, 1);
    assert_int_equal(c.waiting, 1);
    fx_incident(f, "j", 1, SEVERITY_MINOR, 50)->platforms = 1; /* the first bit is the village now */
    fx_commit(f, T0 + 1);
    assert_order(f, "village", T0 + 1, "j.1");
    assert_order(f, "town", T0 + 1, "i.1");
    const char *back[] = {"city"};
    fx_ok(f, store_platforms(f->store, back, 1, &f->err));
    assert_order(f, "city", T0 + 1, "i.1");
    assert_int_equal(counts(f, NULL).orphaned, 2);
    const char *many[33];
    for (int i = 0; i < 33; i++)
        many[i] = "x";
    assert_int_equal(store_platforms(f->store, many, 33, &f->err), GF_ELIMIT);
    fx_ok(f, store_platforms(f->store, NULL, 0, &f->err));
    assert_int_equal(counts(f, NULL).waiting, 0);
}

static void what_is_over_gives_way_first(void **state) {
    struct fx *f = *state;
    const char *one[] = {"city"};
    fx_close(f);
    f->conf.outbox_max_bytes = 9500;
    fx_open(f);
    fx_ok(f, store_platforms(f->store, one, 1, &f->err));
    /* 900 bytes each: eleven do not fit, ten do. */
    fx_incident(f, "open-minor", 1, SEVERITY_MINOR, 898);
    fx_incident(f, "over-severe", 1, SEVERITY_SEVERE, 898)->over = true;
    fx_incident(f, "over-extreme", 1, SEVERITY_EXTREME, 898)->over = true;
    fx_commit(f, T0);
    fx_incident(f, "over-minor-1", 1, SEVERITY_MINOR, 898)->over = true;
    fx_commit(f, T0 + 1);
    fx_incident(f, "over-minor-2", 1, SEVERITY_MINOR, 898)->over = true;
    fx_incident(f, "open-extreme", 1, SEVERITY_EXTREME, 898);
    fx_incident(f, "open-severe", 1, SEVERITY_SEVERE, 898);
    fx_commit(f, T0 + 2);
    for (int i = 0; i < 4; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "moderate-%d", i);
        fx_incident(f, id, 1, SEVERITY_MODERATE, 898);
        fx_commit(f, T0 + 10 + i);
    }
    struct store_info info;
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.gave_way[SEVERITY_MINOR], 1); /* the older of the two that are over */
    assert_int_equal(info.gave_way[SEVERITY_MODERATE], 0);
    assert_order(
        f, "city", T0 + 13,
        "open-extreme.1 over-extreme.1 open-severe.1 over-severe.1 moderate-3.1 moderate-2.1 moderate-1.1 moderate-0.1 over-minor-2.1 open-minor.1");
    for (int i = 4; i < 12; i++) { /* from now on there is only open trouble */
        char id[32];
        (void)snprintf(id, sizeof id, "severe-%d", i);
        fx_incident(f, id, 1, SEVERITY_SEVERE, 898);
        fx_commit(f, T0 + 10 + i);
    }
    assert_order(
        f, "city", T0 + 22,
        "open-extreme.1 over-extreme.1 severe-11.1 severe-10.1 severe-9.1 severe-8.1 severe-7.1 severe-6.1 severe-5.1 severe-4.1 open-severe.1");
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.gave_way[SEVERITY_MINOR], 3);
    assert_int_equal(info.gave_way[SEVERITY_MODERATE], 4);
    assert_int_equal(info.gave_way[SEVERITY_SEVERE], 1);
    assert_int_equal(info.gave_way[SEVERITY_EXTREME], 0);
    fx_reopen(f);
    fx_ok(f, store_info(f->store, &info, &f->err));
    assert_int_equal(info.gave_way[SEVERITY_MODERATE], 4);
}

static void a_long_week_without_the_platform(void **state) {
    struct fx *f = *state;
    enum { N = 5000 };
    for (int i = 0; i < N; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "01WEEK%08d", i);
        fx_incident(f, id, 1, (enum severity)(1 + i % 4), 200)->platforms = 1;
        if (i % 100 == 99)
            fx_commit(f, T0 + i * 1000);
    }
    int64_t now = T0 + N * 1000;
    size_t sent = 0;
    enum severity last = SEVERITY_EXTREME;
    for (int n; (n = next(f, "city", now, NULL, 0, 50)) > 0; sent += (size_t)n) {
        struct outbox_outcome o[50];
        for (int i = 0; i < n; i++) {
            assert_true(rows[i].severity <= last);
            last = rows[i].severity;
            o[i] = (struct outbox_outcome){.platform = "city",
                                           .incident = rows[i].incident,
                                           .revision = rows[i].revision,
                                           .result = OUTBOX_CONFIRMED};
        }
        fx_ok(f, store_outbox_outcomes(f->store, o, (size_t)n, &f->err));
        arena_reset(&f->arena);
    }
    assert_int_equal(sent, N);
    assert_int_equal(counts(f, NULL).bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(severity_first_fresh_before_backlog, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_row_says_everything, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(news_stays_opened_until_something_is_confirmed, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_resend_says_what_was_said, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_late_receipt_changes_no_words, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(three_changes_are_one_row, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_same_bytes_however_often, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(only_the_platforms_that_were_named, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_confirmation_takes_only_what_it_confirms, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_retry_waits_for_its_time, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_dead_are_shown_and_come_back, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_resend_goes_to_its_audience, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(platforms_come_and_go, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_is_over_gives_way_first, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_long_week_without_the_platform, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests_name("store outbox", tests, NULL, NULL);
}
