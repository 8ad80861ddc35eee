/* SPDX-License-Identifier: Apache-2.0
 * Topic patterns: zigbee2mqtt/{device}/availability, tele/{device}/INFO{n}, site/{rest+}. */
#include <stdio.h>
#include <string.h>

#include "gengfu/base/atom.h"
#include "rules/load_int.h"

#define MAX_TOPIC 1024 /* bytes */
#define MAX_LEVELS 32

struct parsing {
    struct loader *ld;
    const struct yaml_node *n;
    struct topic_level levels[MAX_LEVELS];
    size_t nlevels;
    struct buf filter;
};

static bool fail(struct parsing *p, size_t begin, size_t end, const char *hint, const char *what) {
    report_error(p->ld->rd.rep, yaml_place(p->n, begin, end), hint, "%s", what);
    return false;
}

/* {name} or {name+} within the level [begin, end); brace is where '{' stands. */
static bool read_capture(struct parsing *p, size_t begin, size_t end, size_t brace, struct topic_level *l) {
    static const char example[] = "for example zigbee2mqtt/{device}/availability, site/{rest+}";
    const char *s = p->n->text;
    const char *close = memchr(s + brace, '}', end - brace);
    if (!close)
        return fail(p, brace, end, example, "a '{' without '}' in the same level");
    size_t to = (size_t)(close - s), name = brace + 1, name_end = to;
    bool rest = name_end > name && s[name_end - 1] == '+';
    name_end -= rest;
    if (!is_identifier(s + name, name_end - name))
        return fail(p, brace, to + 1, "letters, digits and '_', not beginning with a digit",
                    "this cannot be the name of a part of the topic");
    if (memchr(close + 1, '{', end - to - 1) || memchr(close + 1, '}', end - to - 1))
        return fail(p, to + 1, end, "take the level as a whole and pick it apart with split() in an expression",
                    "more than one part in one level");
    if (rest && (brace != begin || to + 1 != end || end != p->n->len))
        return fail(p, brace, to + 1, example, "{name+} takes all levels that remain: it must be the last level, on its own");
    l->kind = rest ? TOPIC_REST : TOPIC_CAPTURE;
    l->name = reader_atom(&p->ld->rd, s + name, name_end - name, p->n->at);
    if (strcmp(atom_name(l->name), "topic") == 0)
        return fail(p, brace, to + 1, "topic.topic is the whole topic", "a part cannot be called 'topic'");
    for (size_t i = 0; i < p->nlevels; i++)
        if (p->levels[i].kind != TOPIC_TEXT && p->levels[i].name == l->name)
            return fail(p, brace, to + 1, NULL, "a second part with this name");
    l->prefix = arena_strndup(p->ld->rd.arena, s + begin, brace - begin);
    l->suffix = arena_strndup(p->ld->rd.arena, s + to + 1, end - to - 1);
    if (!l->prefix || !l->suffix)
        reader_oom(&p->ld->rd);
    buf_putc(&p->filter, rest ? '#' : '+');
    return true;
}

static bool read_level(struct parsing *p, size_t begin, size_t end) {
    const char *s = p->n->text;
    if (p->nlevels == MAX_LEVELS)
        return fail(p, begin, p->n->len, NULL, "more than 32 levels");
    for (size_t i = begin; i < end; i++)
        if (s[i] == '+' && !(i > begin && i + 1 < end && s[i + 1] == '}'))
            return fail(p, i, i + 1, "write {name} for one level", "'+' cannot stand in a topic pattern");
        else if (s[i] == '#')
            return fail(p, i, i + 1, "write {name+} for the levels that remain", "'#' cannot stand in a topic pattern");
    struct topic_level *l = &p->levels[p->nlevels];
    *l = (struct topic_level){.kind = TOPIC_TEXT, .prefix = "", .suffix = ""};
    const char *brace = memchr(s + begin, '{', end - begin);
    if (brace) {
        if (!read_capture(p, begin, end, (size_t)(brace - s), l))
            return false;
    } else {
        const char *stray = memchr(s + begin, '}', end - begin);
        if (stray)
            return fail(p, (size_t)(stray - s), (size_t)(stray - s) + 1, NULL, "a '}' without '{'");
        l->text = arena_strndup(p->ld->rd.arena, s + begin, end - begin);
        if (!l->text)
            reader_oom(&p->ld->rd);
        buf_put(&p->filter, s + begin, end - begin);
    }
    p->nlevels++;
    return true;
}

bool topic_read(struct loader *ld, const struct yaml_node *n, const char *what, struct topic_pattern *ret) {
    if (n->kind == YAML_SEQUENCE && !n->bad) {
        report_error(ld->rd.rep, n->at, "catch what differs, as in site/{room}/{device}, or write a source for each",
                     "%s must be one topic, not a list", what);
        return false;
    }
    const char *text = node_text(&ld->rd, n, what);
    if (!text)
        return false;
    if (n->len > MAX_TOPIC) {
        report_error(ld->rd.rep, n->at, NULL, "%s is longer than %d bytes", what, MAX_TOPIC);
        return false;
    }
    struct parsing p = {.ld = ld, .n = n};
    buf_init(&p.filter, 2 * MAX_TOPIC);
    bool fine = true;
    for (size_t begin = 0; fine && begin <= n->len;) {
        const char *slash = memchr(text + begin, '/', n->len - begin);
        size_t end = slash ? (size_t)(slash - text) : n->len;
        fine = read_level(&p, begin, end);
        if (slash)
            buf_putc(&p.filter, '/');
        begin = end + 1;
    }
    char *filter = fine && !p.filter.failed ? arena_strdup(ld->rd.arena, p.filter.data) : NULL;
    buf_done(&p.filter);
    if (!fine)
        return false;
    const struct topic_level *levels = fine ? arena_dup(ld->rd.arena, p.levels, p.nlevels * sizeof *levels) : NULL;
    if (!filter || !levels || ld->rd.oom) {
        reader_oom(&ld->rd);
        return false;
    }
    *ret = (struct topic_pattern){.text = text, .filter = filter, .nlevels = p.nlevels, .levels = levels};
    return true;
}
