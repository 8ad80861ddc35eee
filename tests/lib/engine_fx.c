/* SPDX-License-Identifier: Apache-2.0
 * See engine_fx.h. */
#include "engine_fx.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gengfu/base/json.h"

struct efx_row {
    char *rule, *key, *body;
    uint64_t hash;
};

static void row_free(void *p) {
    struct efx_row *r = p;

    if (!r)
        return;
    free(r->rule);
    free(r->key);
    free(r->body);
    free(r);
}

struct engine_time efx_time(const struct efx *f, int64_t ms) {
    return (struct engine_time){.mono = EFX_MONO + ms, .wall = EFX_WALL + ms, .synced = f != NULL};
}

static void engine_make(struct efx *f) {
    struct engine_conf conf = {.gateway = "gw-1", .seed = ++f->seed, .max_devices = 5000};
    struct err err = {0};

    if (engine_new(f->fx.rs, &conf, &err, &f->e) < 0)
        fail_msg("engine_new: %s", err.text);
}

static void load(struct efx *f, const char *yaml, const char *devices) {
    if (devices)
        fx_puts(&f->fx, "devices.csv", devices);
    const char *report = fx_rules(&f->fx, yaml);
    if (!f->fx.rs)
        fail_msg("the rules do not load: %s %s", f->fx.err.text, report);
}

void efx_init(struct efx *f, const char *yaml, const char *devices) {
    memset(f, 0, sizeof(*f));
    fx_init(&f->fx);
    effects_init(&f->out);
    map_init(&f->states);
    map_init(&f->incidents);
    map_init(&f->devices);
    map_init(&f->numbers);
    map_init(&f->closed);
    buf_init(&f->said, 64 << 20);
    buf_init(&f->last_body, 0);
    load(f, yaml, devices);
    engine_make(f);
    assert_int_equal(engine_start(f->e, efx_time(f, 0), 0, &f->out), 0);
}

static void forget(struct efx *f) {
    engine_free(f->e);
    map_done(&f->states, row_free);
    map_done(&f->incidents, row_free);
    map_done(&f->devices, row_free);
    map_done(&f->numbers, free);
    map_done(&f->closed, row_free);
    for (size_t i = 0; i < f->ntail; i++)
        free(f->tail[i]);
    f->ntail = f->committed_tail = 0;
    f->committed = 0;
}

void efx_fresh(struct efx *f) {
    forget(f);
    map_init(&f->states);
    map_init(&f->incidents);
    map_init(&f->devices);
    map_init(&f->numbers);
    map_init(&f->closed);
    effects_reset(&f->out);
    buf_clear(&f->said);
    f->now = 0;
    engine_make(f);
    assert_int_equal(engine_start(f->e, efx_time(f, 0), 0, &f->out), 0);
}

void efx_done(struct efx *f) {
    forget(f);
    effects_done(&f->out);
    free(f->tail);
    buf_done(&f->said);
    buf_done(&f->last_body);
    fx_done(&f->fx);
}

/* -- events as text ------------------------------------------------------------------------------------------------------------------ */
static struct cel_value value_of(struct arena *a, const char *text) {
    size_t len = strlen(text);

    if (text[0] == '\'')
        return cel_string(arena_strndup(a, text + 1, len - 2), len - 2);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return cel_bool(text[0] == 't');
    if (strcmp(text, "null") == 0)
        return cel_null();
    if (strchr(text, '.'))
        return cel_double(strtod(text, NULL));
    return cel_int(strtoll(text, NULL, 10));
}

static void parse(struct arena *a, const char *line, struct event *ev, struct event_field *fields) {
    char *copy = arena_strdup(a, line), *word, *save = copy;
    size_t n = 0;

    for (; (word = strsep(&save, " ")) != NULL; n++) {
        char *eq = strchr(word, '=');
        if (n == 0)
            ev->kind = atom_of(word);
        else if (n == 1)
            ev->device = word;
        else if (strcmp(word, "late") == 0)
            ev->flags |= EVENT_LATE;
        else if (strcmp(word, "retained") == 0)
            ev->flags |= EVENT_RETAINED;
        else if (strncmp(word, "t=", 2) == 0)
            ev->time = EFX_WALL + strtoll(word + 2, NULL, 10);
        else if (eq) {
            *eq = '\0';
            fields[ev->nfields++] = (struct event_field){atom_of(word), value_of(a, eq + 1)};
        }
    }
    ev->fields = fields;
}

void efx_event(struct efx *f, int64_t ms, const char *line) {
    struct event_field fields[EVENT_MAX_FIELDS];
    struct event ev = {.time = EFX_WALL + ms, .arrived = EFX_WALL + ms};
    struct arena a;

    arena_init(&a, 1024, 0);
    parse(&a, line, &ev, fields);
    efx_feed(f, ms, &ev);
    arena_done(&a);
}

void efx_feed(struct efx *f, int64_t ms, const struct event *ev) {
    struct buf b;

    f->now = ms;
    buf_init(&b, 0);
    event_write(&b, ev);
    if (f->ntail == f->cap_tail) {
        f->cap_tail = f->cap_tail ? f->cap_tail * 2 : 64;
        f->tail = realloc(f->tail, f->cap_tail * sizeof(char *));
    }
    f->tail[f->ntail++] = buf_take(&b, NULL);
    assert_int_equal(engine_event(f->e, ev, efx_time(f, ms), &f->out), 0);
}

void efx_advance(struct efx *f, int64_t ms) {
    f->now = ms;
    assert_int_equal(engine_advance(f->e, efx_time(f, ms), &f->out), 0);
}

/* -- the pretended store --------------------------------------------------------------------------------------------------------------- */
static void put(struct map *m, const char *id, const char *rule, uint64_t hash, const char *key, const char *body) {
    void *old = NULL;

    if (!body) {
        row_free(map_remove(m, id, strlen(id)));
        return;
    }
    struct efx_row *r = calloc(1, sizeof(*r));
    *r = (struct efx_row){.rule = strdup(rule), .key = strdup(key), .body = strdup(body), .hash = hash};
    assert_int_equal(map_put(m, id, strlen(id), r, &old), 0);
    row_free(old);
}

static void seconds(struct buf *b, int64_t ms) {
    buf_printf(b, "%" PRId64, ms / 1000);
    if (ms % 1000)
        buf_printf(b, ".%03" PRId64, ms % 1000);
}

/* ULIDs stand in quotes and are 26 characters of their alphabet; what is known as one becomes its number. */
static void say_body(struct efx *f, struct buf *out, const char *body) {
    for (const char *s = body; *s; s++) {
        const char *number = *s == '"' && strnlen(s, 28) == 28 && s[27] == '"' ? map_get(&f->numbers, s + 1, 26) : NULL;
        if (number) {
            buf_printf(out, "\"%s\"", number);
            s += 27;
        } else {
            buf_putc(out, *s);
        }
    }
    buf_putc(out, '\n');
}

static int by_number(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void efx_rows(struct efx *f, struct buf *out) {
    size_t n = 0;
    char **rows = calloc(map_count(&f->incidents) + 1, sizeof(char *));
    void *value;

    for (size_t it = 0; map_next(&f->incidents, &it, NULL, &value);) {
        struct buf b;
        buf_init(&b, 0);
        say_body(f, &b, ((struct efx_row *)value)->body);
        rows[n++] = buf_take(&b, NULL);
    }
    qsort(rows, n, sizeof(rows[0]), by_number);
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, rows[i]);
        free(rows[i]);
    }
    free(rows);
}

static void say(struct efx *f, const struct effect_incident *i) {
    cJSON *j = cJSON_ParseWithLength(i->body, i->len);

    assert_non_null(j);
    if (f->bodies && i->publish)
        say_body(f, &f->said, i->body);
    else if (!f->bodies && (i->publish || f->shadow_lines)) {
        buf_puts(&f->said, i->publish ? "" : "(");
        seconds(&f->said, i->updated - EFX_WALL);
        buf_printf(&f->said, " %s %s %s r%u x%d", change_name(i->change), i->rule, i->key, i->revision, (int)json_num(j, "count", 0));
        buf_puts(&f->said, i->publish ? "\n" : ")\n");
    }
    f->told += i->publish;
    (void)snprintf(f->last_id, sizeof(f->last_id), "%s", i->id);
    (void)snprintf(f->last_number, sizeof(f->last_number), "%s", i->number);
    buf_clear(&f->last_body);
    buf_put(&f->last_body, i->body, i->len);
    cJSON_Delete(j);
}

void efx_flush(struct efx *f) {
    char id[2048];

    assert_int_equal(engine_flush(f->e, &f->out), 0);
    assert_false(f->out.failed);
    for (size_t i = 0; i < f->out.nstates; i++) {
        const struct effect_state *s = &f->out.states[i];
        (void)snprintf(id, sizeof(id), "%s|%016" PRIx64 "|%s", s->rule, s->hash, s->key);
        put(&f->states, id, s->rule, s->hash, s->key, s->body);
    }
    for (size_t i = 0; i < f->out.nincidents; i++) {
        if (!map_gets(&f->numbers, f->out.incidents[i].id))
            assert_int_equal(map_puts(&f->numbers, f->out.incidents[i].id, strdup(f->out.incidents[i].number)), 0);
    }
    for (size_t i = 0; i < f->out.nincidents; i++) {
        const struct effect_incident *n = &f->out.incidents[i];
        put(&f->incidents, n->id, n->rule, 0, n->key, n->over ? NULL : n->body);
        put(&f->closed, n->number, n->rule, 0, n->key, n->over ? n->body : NULL);
        say(f, n);
    }
    for (size_t i = 0; i < f->out.ndevices; i++)
        put(&f->devices, f->out.devices[i].device, "", 0, "", f->out.devices[i].body);
    effects_reset(&f->out);
    f->committed = f->now;
    f->committed_tail = f->ntail;
}

static void restore(struct efx *f) {
    struct err err = {0};
    struct arena a;
    void *value;
    const char *key;

    arena_init(&a, 4096, 0);
    for (size_t it = 0; map_next(&f->devices, &it, &key, &value);) {
        const struct efx_row *r = value;
        if (engine_restore_device(f->e, key, r->body, strlen(r->body), &err) < 0)
            fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < f->ntail; i++) {
        struct event ev;
        if (event_read(&a, f->tail[i], strlen(f->tail[i]), &ev, &err) < 0 || engine_restore_event(f->e, &ev) < 0)
            fail_msg("%s: %s", f->tail[i], err.text);
    }
    for (size_t it = 0; map_next(&f->incidents, &it, &key, &value);) {
        const struct efx_row *r = value;
        if (engine_restore_incident(f->e, r->body, strlen(r->body), &err) < 0)
            fail_msg("%s", err.text);
    }
    for (size_t it = 0; map_next(&f->states, &it, &key, &value);) {
        const struct efx_row *r = value;
        if (engine_restore_state(f->e, r->rule, r->hash, r->key, r->body, strlen(r->body), &err) < 0)
            fail_msg("%s", err.text);
    }
    arena_done(&a);
}

void efx_checkpoint(struct efx *f) {
    assert_int_equal(engine_checkpoint(f->e, SIZE_MAX, &f->out), 0);
    efx_flush(f);
    for (size_t i = 0; i < f->ntail; i++)
        free(f->tail[i]);
    f->ntail = f->committed_tail = 0;
}

void efx_kill(struct efx *f) {
    effects_reset(&f->out);
    while (f->ntail > f->committed_tail)
        free(f->tail[--f->ntail]);
    f->now = f->committed;
    engine_free(f->e);
    engine_make(f);
    restore(f);
    assert_int_equal(engine_start(f->e, efx_time(f, f->now), 0, &f->out), 0);
}

void efx_restart(struct efx *f, int64_t down, bool checkpoint) {
    efx_flush(f);
    if (checkpoint)
        efx_checkpoint(f);
    engine_free(f->e);
    engine_make(f);
    restore(f);
    f->now += down;
    assert_int_equal(engine_start(f->e, efx_time(f, f->now), down, &f->out), 0);
}

void efx_restart_with(struct efx *f, const char *yaml, const char *devices) {
    efx_flush(f);
    engine_free(f->e);
    f->e = NULL;
    load(f, yaml, devices);
    engine_make(f);
    restore(f);
    assert_int_equal(engine_start(f->e, efx_time(f, f->now), 0, &f->out), 0);
}

void efx_reload(struct efx *f, const char *yaml, const char *devices) {
    struct ruleset *old = f->fx.rs;
    struct err err = {0};

    efx_flush(f);
    f->fx.rs = NULL; /* the fixture must not free the set that is in force */
    load(f, yaml, devices);
    if (engine_reload(f->e, f->fx.rs, efx_time(f, f->now), &f->out, &err) < 0)
        fail_msg("%s", err.text);
    ruleset_free(old);
}

int efx_command(struct efx *f, int64_t ms, const char *json, struct err *err) {
    char text[1024], *mark;
    struct command cmd;
    uint32_t revision;

    efx_flush(f);
    (void)snprintf(text, sizeof(text), "%s", json);
    if ((mark = strstr(text, "%ID%"))) {
        char rest[512];
        (void)snprintf(rest, sizeof(rest), "%s", mark + 4);
        (void)snprintf(mark, sizeof(text) - (size_t)(mark - text), "%s%s", f->last_id, rest);
    }
    cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    f->now = ms;
    int rc = command_read(j, err, &cmd);
    if (rc == 0) {
        cmd.who = "uid:1000";
        /* One that is over and no longer remembered is fetched from the store, as the daemon does. */
        const struct efx_row *row = map_gets(&f->closed, cmd.incident);
        struct err known = {0};
        if (row && engine_restore_incident(f->e, row->body, strlen(row->body), &known) < 0)
            assert_int_equal(known.code, GF_EEXIST);
        rc = engine_command(f->e, &cmd, efx_time(f, ms), &f->out, err, &revision);
        assert_int_equal(f->out.nanswers > 0, 1);
    }
    cJSON_Delete(j);
    return rc;
}

void efx_expect(struct efx *f, const char *lines) {
    efx_flush(f);
    assert_string_equal(f->said.len ? f->said.data : "", lines);
    buf_clear(&f->said);
}

const struct incident *efx_incident(struct efx *f, const char *rule, const char *key) {
    const struct incident *latest = NULL;
    void *value;
    const char *id;

    efx_flush(f);
    for (size_t it = 0; map_next(&f->incidents, &it, &id, &value);) {
        const struct efx_row *r = value;
        if (strcmp(r->rule, rule) == 0 && strcmp(r->key, key) == 0)
            latest = engine_incident(f->e, id);
    }
    return latest;
}
