/* SPDX-License-Identifier: Apache-2.0
 * The topic trie against a naive matcher that takes each pattern on its own, on random topics; and the subscriptions that cover each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source_int.h"

static uint64_t seed = 42;
static uint32_t rnd(uint32_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

/* A pattern written as in a rule file: a/{x}/pre-{y}-post/{z+}. Everything in the arena. */
static struct topic_pattern pattern(struct arena *a, const char *text) {
    struct topic_level *levels = arena_zalloc(a, 80 * sizeof *levels);
    char *filter = arena_zalloc(a, strlen(text) + 1);
    size_t n = 0;
    const char *s = text;
    for (;;) {
        size_t len = strcspn(s, "/");
        const char *open = memchr(s, '{', len);
        struct topic_level *l = &levels[n++];
        if (!open) {
            *l = (struct topic_level){.kind = TOPIC_TEXT, .text = arena_strndup(a, s, len)};
            memcpy(filter + strlen(filter), s, len);
        } else {
            const char *close = memchr(open, '}', (size_t)(s + len - open));
            bool rest = close[-1] == '+';
            l->kind = rest ? TOPIC_REST : TOPIC_CAPTURE;
            l->name = atom_intern(open + 1, (size_t)(close - open) - 1 - rest);
            l->prefix = arena_strndup(a, s, (size_t)(open - s));
            l->suffix = arena_strndup(a, close + 1, (size_t)(s + len - close) - 1);
            filter[strlen(filter)] = rest ? '#' : '+';
        }
        s += len;
        if (!*s)
            break;
        s++;
        filter[strlen(filter)] = '/';
    }
    return (struct topic_pattern){.text = text, .filter = filter, .nlevels = n, .levels = levels};
}

/* The definition, one level after the other. */
static bool naive(const struct topic_pattern *p, const char *topic) {
    const char *s = topic;
    for (size_t i = 0; i < p->nlevels; i++) {
        if (!s)
            return false;
        size_t len = strcspn(s, "/");
        const struct topic_level *l = &p->levels[i];
        if (l->kind != TOPIC_TEXT && i == 0 && s[0] == '$')
            return false;
        if (l->kind == TOPIC_REST)
            return true;
        if (l->kind == TOPIC_TEXT) {
            if (strlen(l->text) != len || memcmp(l->text, s, len) != 0)
                return false;
        } else {
            size_t pl = strlen(l->prefix), sl = strlen(l->suffix);
            if (pl + sl > 0 && (len <= pl + sl || memcmp(s, l->prefix, pl) != 0 || memcmp(s + len - sl, l->suffix, sl) != 0))
                return false;
        }
        s = s[len] ? s + len + 1 : NULL;
    }
    return s == NULL;
}

/* MQTT's own matching of a filter, to show that a pattern never needs a message that its filter does not bring. */
static bool filter_fits(const char *filter, const char *topic) {
    if ((filter[0] == '+' || filter[0] == '#') && topic[0] == '$')
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
        if (f == 1 && filter[0] == '#')
            return true;
        if (!(f == 1 && filter[0] == '+') && (f != t || memcmp(filter, topic, f) != 0))
            return false;
        filter += f;
        topic += t;
        if (!*filter && !*topic)
            return true;
        if (!*topic)
            return strcmp(filter, "/#") == 0;
        if (!*filter)
            return false;
        filter++;
        topic++;
    }
}

static const char *const levels[] = {"a", "b", "lamp-1", "lamp-2", "tele", "", "$sys", "x-1-y", "x--y", "灯 7", "{", "x-y"};
static void random_topic(char *out, size_t size) {
    size_t n = 1 + rnd(5);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? "/" : "", levels[rnd(sizeof levels / sizeof *levels)]);
}

static void random_pattern(char *out, size_t size) {
    size_t n = 1 + rnd(5);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const char *sep = i ? "/" : "";
        char *at = out + strlen(out);
        size_t room = size - strlen(out);
        switch (rnd(6)) {
        case 0:
        case 1:
        case 2: {
            const char *l = levels[rnd(sizeof levels / sizeof *levels)];
            (void)snprintf(at, room, "%s%s", sep, strcmp(l, "{") == 0 ? "b" : l);
            break;
        }
        case 3: (void)snprintf(at, room, "%s{c%zu}", sep, i); break;
        case 4: (void)snprintf(at, room, "%s%s{c%zu}%s", sep, rnd(2) ? "x-" : "lamp-", i, rnd(2) ? "-y" : ""); break;
        default:
            if (i + 1 == n)
                (void)snprintf(at, room, "%s{c%zu+}", sep, i);
            else
                (void)snprintf(at, room, "%s{c%zu}", sep, i);
        }
    }
}

static void test_like_naive(void **state) {
    (void)state;
    size_t fits = 0;
    for (int round = 0; round < 40; round++) {
        struct arena a;
        arena_init(&a, 1 << 16, 0);
        struct trie t;
        assert_int_equal(trie_init(&t, &a), 0);
        struct topic_pattern ps[60];
        for (size_t i = 0; i < 60; i++) {
            char text[256];
            random_pattern(text, sizeof text);
            ps[i] = pattern(&a, arena_strdup(&a, text));
            assert_int_equal(trie_add(&t, &ps[i], (uint32_t)i), 0);
        }
        for (int k = 0; k < 2500; k++) {
            char topic[256];
            random_topic(topic, sizeof topic);
            struct topic cut;
            topic_split(&cut, topic, strlen(topic));
            uint32_t ids[60];
            size_t n = trie_match(&t, &cut, ids), at = 0;
            for (uint32_t i = 0; i < 60; i++) {
                bool want = naive(&ps[i], topic), got = at < n && ids[at] == i;
                if (want != got)
                    print_error("topic '%s', pattern '%s': the trie says %d\n", topic, ps[i].text, got);
                assert_int_equal(want, got);
                at += got;
                fits += got;
                if (got)
                    assert_true(filter_fits(ps[i].filter, topic));
            }
            assert_int_equal(at, n);
        }
        arena_done(&a);
    }
    assert_true(fits > 10000);
}

static void captures(const char *p, const char *topic, const char *name, const char *want) {
    struct arena a;
    arena_init(&a, 4096, 0);
    struct topic_pattern tp = pattern(&a, p);
    struct topic t;
    topic_split(&t, topic, strlen(topic));
    struct cel_value v;
    bool found = topic_capture(&tp, &t, atom_of(name), &v);
    if (!want) {
        assert_false(found);
    } else {
        assert_true(found);
        assert_int_equal(v.type, CEL_STRING);
        assert_int_equal(v.aux, strlen(want));
        assert_memory_equal(v.s, want, v.aux);
    }
    arena_done(&a);
}

static void test_captures(void **state) {
    (void)state;
    captures("zigbee2mqtt/{device}/availability", "zigbee2mqtt/前门 锁/availability", "device", "前门 锁");
    captures("{sn}/up", "/up", "sn", "");
    captures("/iot/{imei}", "/iot/869", "imei", "869");
    captures("up/S-{id}-post", "up/S-003-post", "id", "003");
    captures("axis/{serial}/event/{path+}", "axis/B8A4/event/tns:axis/X/$source/zone/1", "path", "tns:axis/X/$source/zone/1");
    captures("a/{b}", "a/x", "c", NULL);
}

static void test_record(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 4096, 0);
    struct topic_pattern tp = pattern(&a, "home/{room}/lift-{car}");
    struct topic t;
    topic_split(&t, "home/3/lift-12", 14);
    struct topic_record r;
    topic_record_init(&r, &tp, &t);
    struct cel_value map = cel_record(&r.record), v, k;
    assert_true(atom_of("topic") != 0); /* a name that some program uses */
    assert_true(cel_map_get(map, "topic", 5, &v));
    assert_int_equal(v.aux, 14);
    assert_true(cel_map_get(map, "car", 3, &v));
    assert_memory_equal(v.s, "12", 2);
    assert_false(cel_map_get(map, "lift", 4, &v));
    size_t it = 0, n = 0;
    while (cel_map_next(map, &it, &k, &v))
        n++;
    assert_int_equal(n, 3);
    arena_done(&a);
}

/* 65,535 bytes of slashes: many levels, no pattern but a rest capture fits, nothing is overrun. */
static void test_deep_topic(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 4096, 0);
    struct trie t;
    assert_int_equal(trie_init(&t, &a), 0);
    struct topic_pattern rest = pattern(&a, "{x}/{rest+}"), exact = pattern(&a, "{x}/{y}");
    assert_int_equal(trie_add(&t, &rest, 0), 0);
    assert_int_equal(trie_add(&t, &exact, 1), 0);
    char *topic = malloc(65536);
    memset(topic, '/', 65535);
    topic[65535] = '\0';
    struct topic cut;
    topic_split(&cut, topic, 65535);
    uint32_t ids[2];
    assert_int_equal(trie_match(&t, &cut, ids), 1);
    assert_int_equal(ids[0], 0);
    struct cel_value v;
    assert_true(topic_capture(&rest, &cut, atom_of("rest"), &v));
    assert_int_equal(v.aux, 65534);
    /* a pattern with more levels than the trie takes is refused */
    char long_pattern[400] = "a";
    for (int i = 0; i < TRIE_MAX_LEVELS; i++)
        strncat(long_pattern, "/a", sizeof long_pattern - strlen(long_pattern) - 1);
    struct topic_pattern p = pattern(&a, long_pattern);
    assert_int_equal(trie_add(&t, &p, 2), GF_ELIMIT);
    free(topic);
    arena_done(&a);
}

static void test_covers(void **state) {
    (void)state;
    assert_true(filter_covers("a/+", "a/b"));
    assert_true(filter_covers("a/+/c", "a/+/c"));
    assert_true(filter_covers("a/#", "a"));
    assert_true(filter_covers("a/#", "a/+/b"));
    assert_true(filter_covers("#", "a/#"));
    assert_false(filter_covers("a/+", "a/#"));
    assert_false(filter_covers("a/b", "a/+"));
    assert_false(filter_covers("#", "$SYS/x"));
    assert_false(filter_covers("+/x", "$SYS/x"));
    assert_false(filter_covers("a/+", "a/b/c"));
    assert_false(filter_covers("a/b/+", "a/b"));
    assert_false(filter_covers("a", "a/b"));
}

static void test_filters(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 4096, 0);
    struct source ss[5] = {{.name = "1"}, {.name = "2"}, {.name = "3"}, {.name = "4"}, {.name = "5"}};
    ss[0].topic = pattern(&a, "tele/{device}/STATE");
    ss[0].has_online = true;
    ss[0].online_topic = pattern(&a, "tele/{device}/LWT");
    ss[1].topic = pattern(&a, "tele/{d}/{x}"); /* covers both */
    ss[2].topic = pattern(&a, "frigate/events");
    ss[3].topic = pattern(&a, "frigate/events");
    ss[4].topic = pattern(&a, "+literal"); /* distinct */
    struct ruleset rs = {.nsources = 5, .sources = ss};
    const char *const *filters;
    size_t n;
    assert_int_equal(filters_collect(&rs, &a, &filters, &n), 0);
    assert_int_equal(n, 3);
    assert_string_equal(filters[0], "tele/+/+");
    assert_string_equal(filters[1], "frigate/events");
    /* on random sets: what any pattern fits, some filter brings; and no filter covers another */
    for (int round = 0; round < 200; round++) {
        struct source many[20];
        memset(many, 0, sizeof many);
        for (size_t i = 0; i < 20; i++) {
            char text[256];
            random_pattern(text, sizeof text);
            many[i].topic = pattern(&a, arena_strdup(&a, text));
        }
        struct ruleset set = {.nsources = 20, .sources = many};
        assert_int_equal(filters_collect(&set, &a, &filters, &n), 0);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                assert_true(i == k || !filter_covers(filters[i], filters[k]));
        for (int k = 0; k < 50; k++) {
            char topic[256];
            random_topic(topic, sizeof topic);
            bool wanted = false, brought = false;
            for (size_t i = 0; i < 20; i++)
                wanted |= filter_fits(many[i].topic.filter, topic);
            for (size_t i = 0; i < n; i++)
                brought |= filter_fits(filters[i], topic);
            assert_int_equal(wanted, brought);
        }
    }
    arena_done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_naive), cmocka_unit_test(test_captures), cmocka_unit_test(test_record),
        cmocka_unit_test(test_deep_topic), cmocka_unit_test(test_covers),   cmocka_unit_test(test_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
