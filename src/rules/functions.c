/* SPDX-License-Identifier: Apache-2.0
 * The functions that gengfu adds to CEL: number, truth, time, strptime, json, registry for what devices send; weekday and local for site time.
 * Those for bytes, sentinels and charsets stand in functions_data.c.
 * A value that cannot be read as what it should be is absent, so the condition is unknown and a source's field is left out. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/json.h"
#include "gengfu/base/text.h"
#include "gengfu/rules/moment.h"
#include "rules/load_int.h"

static const struct ruleset *ruleset_of(const void *host) { return host; }

static const struct zone *site_zone(const void *host) {
    const struct ruleset *rs = ruleset_of(host);
    return rs && rs->config ? rs->config->zone : NULL;
}

static struct cel_value none(const char *why) { return cel_error(CEL_E_ABSENT, why); }

static bool optional_value(struct cel_value *v) {
    if (v->type != CEL_OPTIONAL)
        return true;
    if (!v->opt)
        return false;
    *v = *v->opt;
    return true;
}

/* A copy of a short text without blanks around it; false when it is longer. */
static bool short_text(struct cel_value v, char *out, size_t size) {
    const char *s = v.s;
    size_t n = v.aux;
    while (n && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r' || s[n - 1] == '\n'))
        n--;
    if (n == 0 || n >= size || memchr(s, '\0', n))
        return false;
    memcpy(out, s, n);
    out[n] = '\0';
    return true;
}

/* number(x): a number from a number, a numeric text ("21.5", "21.5 W" is none) or a bool. */
static struct cel_value fn_number(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host, (void)argc;
    struct cel_value v = argv[0];
    if (!optional_value(&v))
        return none("number() of nothing");
    char text[64], *end;
    switch (v.type) {
    case CEL_INT:
    case CEL_UINT: return v;
    case CEL_DOUBLE: return isfinite(v.d) ? v : none("number() of what is no number");
    case CEL_BOOL: return cel_int(v.b);
    case CEL_STRING: break;
    default: return none("number() of what is no number");
    }
    if (!short_text(v, text, sizeof text) || text[strspn(text, "+-0123456789.eE")])
        return none("number() of text that is no number");
    errno = 0;
    long long i = strtoll(text, &end, 10);
    if (*end == '\0' && !errno)
        return cel_int(i);
    double d = strtod(text, &end);
    return *end == '\0' && isfinite(d) ? cel_double(d) : none("number() of text that is no number");
}

/* truth(x): true, false; 1, 0; "true", "on", "yes", "1" and their opposites in any case. */
static struct cel_value fn_truth(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena, (void)host, (void)argc;
    static const char *const words[][2] = {{"true", "false"},  {"on", "off"}, {"yes", "no"}, {"1", "0"},
                                           {"open", "closed"}, {"是", "否"},  {"开", "关"}};
    struct cel_value v = argv[0];
    if (!optional_value(&v))
        return none("truth() of nothing");
    double d;
    if (v.type == CEL_BOOL)
        return v;
    if (cel_as_double(v, &d))
        return d == 1 || d == 0 ? cel_bool(d == 1) : none("truth() of a number other than 0 and 1");
    char text[16];
    if (v.type == CEL_STRING && short_text(v, text, sizeof text))
        for (size_t i = 0; i < COUNT(words); i++)
            for (size_t k = 0; k < 2; k++)
                if (strcasecmp(text, words[i][k]) == 0)
                    return cel_bool(k == 0);
    return none("truth() of what is neither true nor false");
}

/* The zone that argv[i] names, or the site's. False: there is no such zone. *ret_opened must be freed. */
static bool zone_arg(void *host, size_t argc, const struct cel_value *argv, size_t i, const struct zone **ret, struct zone **ret_opened) {
    char name[64];
    *ret_opened = NULL;
    *ret = site_zone(host);
    if (argc <= i)
        return true;
    if (argv[i].type != CEL_STRING || !short_text(argv[i], name, sizeof name) || zone_open(name, NULL, ret_opened) < 0)
        return false;
    *ret = *ret_opened;
    return true;
}

/* At load: a time zone that is written out must be known. */
static const char *zone_wrong(size_t argc, const struct cel_value *const *argv, size_t i, size_t *ret_which) {
    char name[64];
    struct zone *z = NULL;
    if (argc <= i || !argv[i])
        return NULL;
    *ret_which = i;
    if (argv[i]->type != CEL_STRING || !short_text(*argv[i], name, sizeof name) || zone_open(name, NULL, &z) < 0)
        return "the time zone is not known; an IANA name is needed, such as Asia/Shanghai";
    zone_free(z);
    return NULL;
}
static const char *check_zone(size_t argc, const struct cel_value *const *argv, size_t *ret_which) {
    return zone_wrong(argc, argv, 1, ret_which);
}

/* time(x), time(x, zone): see moment.h for what is understood. */
static struct cel_value fn_time(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena;
    const struct zone *zone;
    struct zone *opened;
    int64_t ms;
    if (argv[0].type == CEL_TIMESTAMP)
        return argv[0];
    if (!zone_arg(host, argc, argv, 1, &zone, &opened))
        return cel_error(CEL_E_VALUE, "time(): unknown time zone");
    bool ok = moment_read(argv[0], zone, &ms);
    zone_free(opened);
    return ok ? cel_time_ms(ms) : none("time() of what is no time");
}

/* strptime(text, pattern), strptime(text, pattern, zone). */
static struct cel_value fn_strptime(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena;
    struct cel_value v = argv[0];
    const struct zone *zone;
    struct zone *opened;
    int64_t ms;
    const char *why = argv[1].type == CEL_STRING ? moment_pattern_bad(argv[1].s, argv[1].aux) : "strptime(): the pattern must be text";
    if (why)
        return cel_error(CEL_E_VALUE, why);
    if (!optional_value(&v) || v.type != CEL_STRING)
        return none("strptime() of what is no text");
    if (!zone_arg(host, argc, argv, 2, &zone, &opened))
        return cel_error(CEL_E_VALUE, "strptime(): unknown time zone");
    bool ok = moment_scan(v.s, v.aux, argv[1].s, argv[1].aux, zone, &ms);
    zone_free(opened);
    return ok ? cel_time_ms(ms) : none("strptime() of text that does not fit the pattern");
}
static const char *strptime_wrong(size_t argc, const struct cel_value *const *argv, size_t *ret_which) {
    const char *why = NULL;
    *ret_which = 1;
    if (argc > 1 && argv[1])
        why = argv[1]->type == CEL_STRING ? moment_pattern_bad(argv[1]->s, argv[1]->aux) : "the pattern must be text";
    return why ? why : zone_wrong(argc, argv, 2, ret_which);
}

/* json(text): the value that the text holds. */
static struct cel_value fn_json(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)host, (void)argc;
    struct cel_value v = argv[0];
    const cJSON *j;
    if (!optional_value(&v) || (v.type != CEL_STRING && v.type != CEL_BYTES))
        return none("json() of what is no text");
    if (json_parse(arena, v.s, v.aux, NULL, &j) < 0)
        return none("json() of text that is no JSON");
    return cel_json(j);
}

/* registry(column, value): the id of the registered device whose column has that text, as an optional. */
static struct cel_value fn_registry(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)argc;
    const struct ruleset *rs = ruleset_of(host);
    struct cel_value column = argv[0], value = argv[1];
    if (!optional_value(&value))
        return (struct cel_value){.type = CEL_OPTIONAL};
    char number[32];
    if (value.type == CEL_INT) {
        (void)snprintf(number, sizeof number, "%lld", (long long)value.i);
        value = cel_text(number);
    }
    if (column.type != CEL_STRING || value.type != CEL_STRING)
        return cel_error(CEL_E_OVERLOAD, "registry() takes a column's name and a text");
    atom_t name = atom_find(column.s, column.aux);
    const struct device *d = rs && rs->registry && name ? registry_find_by(rs->registry, name, value.s, value.aux) : NULL;
    if (!d)
        return (struct cel_value){.type = CEL_OPTIONAL};
    struct cel_value id = cel_text(d->id);
    struct cel_value *inner = arena_dup(arena, &id, sizeof id);
    return inner ? (struct cel_value){.type = CEL_OPTIONAL, .opt = inner} : cel_error(CEL_E_MEMORY, NULL);
}

/* The seconds of a timestamp in a zone's local time; the site's zone when none is named. */
static bool local_seconds(void *host, size_t argc, const struct cel_value *argv, int64_t *ret) {
    const struct zone *zone;
    struct zone *opened;
    if (argv[0].type != CEL_TIMESTAMP || !zone_arg(host, argc, argv, 1, &zone, &opened))
        return false;
    *ret = argv[0].i + zone_offset(zone, argv[0].i);
    zone_free(opened);
    return true;
}

/* weekday(timestamp), weekday(timestamp, zone): 1 Monday … 7 Sunday. */
static struct cel_value fn_weekday(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    (void)arena;
    int64_t s;
    struct civil c;
    if (!local_seconds(host, argc, argv, &s))
        return cel_error(argv[0].type == CEL_TIMESTAMP ? CEL_E_VALUE : CEL_E_OVERLOAD,
                         argv[0].type == CEL_TIMESTAMP ? "weekday(): unknown time zone" : "weekday() takes a timestamp");
    civil_from(s, &c);
    return cel_int(c.weekday ? c.weekday : 7);
}

/* local(timestamp), local(timestamp, zone): "2026-01-05 20:00:00". */
static struct cel_value fn_local(struct arena *arena, void *host, size_t argc, const struct cel_value *argv) {
    int64_t s;
    struct civil c;
    if (!local_seconds(host, argc, argv, &s))
        return cel_error(argv[0].type == CEL_TIMESTAMP ? CEL_E_VALUE : CEL_E_OVERLOAD,
                         argv[0].type == CEL_TIMESTAMP ? "local(): unknown time zone" : "local() takes a timestamp");
    civil_from(s, &c);
    const char *text = arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
    return text ? cel_text(text) : cel_error(CEL_E_MEMORY, NULL);
}

int env_functions(struct cel_env *e) {
    static const struct cel_function_decl functions[] = {
        {"number", 1, 1, false, fn_number, "number(dyn) -> number", NULL},
        {"truth", 1, 1, false, fn_truth, "truth(dyn) -> bool", NULL},
        {"time", 1, 2, false, fn_time, "time(dyn[, string]) -> timestamp", check_zone},
        {"strptime", 2, 3, false, fn_strptime, "strptime(string, string[, string]) -> timestamp", strptime_wrong},
        {"json", 1, 1, false, fn_json, "json(dyn) -> dyn", NULL},
        {"registry", 2, 2, false, fn_registry, "registry(string, dyn) -> optional(string)", NULL},
        {"weekday", 1, 2, false, fn_weekday, "weekday(timestamp[, string]) -> int", check_zone},
        {"local", 1, 2, false, fn_local, "local(timestamp[, string]) -> string", check_zone},
    };
    for (size_t i = 0; i < COUNT(functions); i++) {
        int rc = cel_env_function(e, &functions[i], NULL);
        if (rc < 0)
            return rc;
    }
    return env_data_functions(e);
}
