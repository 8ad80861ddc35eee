/* SPDX-License-Identifier: Apache-2.0
 * Private to the source module: the topic trie, the payload, the memory of what was said last, the counters. */
#ifndef SOURCE_SOURCE_INT_H
#define SOURCE_SOURCE_INT_H

#include "gengfu/base/arena.h"
#include "gengfu/base/map.h"
#include "gengfu/rules/charset.h"
#include "gengfu/source/source.h"

/* -- trie.c: which patterns fit a topic ------------------------------------------------------------------------------------------ */
#define TRIE_MAX_LEVELS 64 /* of a pattern; a topic may have more, they belong to its rest capture */

/* A topic cut into levels. Only the first TRIE_MAX_LEVELS are told apart; `count` is how many of them there are. */
struct topic {
    const char *text;
    size_t len;
    size_t count;
    bool more; /* levels beyond these */
    uint32_t start[TRIE_MAX_LEVELS + 1], size[TRIE_MAX_LEVELS + 1];
};
void topic_split(struct topic *t, const char *text, size_t len);

struct trie_node;
struct trie {
    struct arena *arena; /* the owner's; everything is in it */
    struct trie_node *root;
    size_t patterns;
};
GF_WARN_UNUSED int trie_init(struct trie *t, struct arena *arena);
/* `id` is what trie_match reports. The pattern must outlive the trie. GF_ELIMIT: too many levels. */
GF_WARN_UNUSED int trie_add(struct trie *t, const struct topic_pattern *p, uint32_t id);
/* Ids of all patterns that fit, ascending; `ids` must have room for t->patterns. Returns how many. */
size_t trie_match(const struct trie *t, const struct topic *topic, uint32_t *ids);

/* What the pattern's captures caught, as CEL's `topic`: a name of the pattern, or `topic` for the whole. */
struct topic_record {
    struct cel_record record; /* first */
    const struct topic_pattern *pattern;
    const struct topic *topic;
};
void topic_record_init(struct topic_record *r, const struct topic_pattern *p, const struct topic *t);
bool topic_capture(const struct topic_pattern *p, const struct topic *t, atom_t name, struct cel_value *ret);

/* -- filters.c ----------------------------------------------------------------------------------------------------------------- */
bool filter_covers(const char *wide, const char *narrow); /* every topic that `narrow` fits, `wide` fits too */
/* The distinct filters of the set's sources without covered ones, in the arena. */
GF_WARN_UNUSED int filters_collect(const struct ruleset *rs, struct arena *arena, const char *const **ret, size_t *ret_n);

/* -- cut.c, mask.c: what must not be kept ------------------------------------------------------------------------------------------ */
struct drops { /* of all sources whose topic fits one message */
    const struct source_drop **items;
    size_t n;
};
/* The text without what is dropped, in the arena. NULL: it is no JSON, or there is no room. */
const char *cut_json(struct arena *a, const char *text, size_t len, const struct drops *drops, size_t *ret_len, bool *ret_no_memory);
/* For showing: appends the text until `enough` bytes stand in `out`, with *** for secrets and for what is dropped, and "(n bytes)" for long base64. */
void mask_text(struct buf *out, size_t enough, const char *s, size_t len, const struct drops *drops);

/* -- wanted.c: what of a payload anybody reads ---------------------------------------------------------------------------------- */
struct wanted_name {
    const char *text; /* of an atom */
    size_t len;
};
struct wanted { /* members of a JSON object that a source reads */
    struct wanted_name *names;
    size_t n;
    bool all;
};
struct mapper;
struct fitting { /* the sources of a message */
    const struct mapper *m;
    size_t n; /* of m->ids */
};
GF_WARN_UNUSED bool wanted_collect(struct arena *arena, const struct source *s, struct wanted *ret); /* false: no memory */
bool wanted_all(const struct mapper *m, size_t fitting);
bool wanted_has(void *fitting, const char *name, size_t len);

/* -- payload.c ----------------------------------------------------------------------------------------------------------------- */
/* One message's payload, read at most once each way. */
struct payload {
    const struct message *msg;
    struct arena *arena;
    struct charset_decoder *decoder; /* NULL: UTF-8 */
    enum charset charset;
    const struct drops *drops; /* NULL: none */
    struct fitting *fitting;   /* whose members are read; NULL: all are */
    const char *text;          /* in UTF-8, after stray bytes in front; in the message or the arena */
    size_t len;
    const char *copy; /* the same in the arena, once somebody wants text */
    size_t cleaned;   /* stray bytes that were skipped */
    bool opened, json_tried, json_is;
    const char *bad;      /* sentence: cannot be read at all; NULL */
    const char *bad_json; /* sentence: is no JSON; NULL */
    struct cel_value json;
};
void payload_init(struct payload *p, const struct message *msg, struct arena *arena);
/* The value as `how` asks for it; NULL, or a sentence why there is none. */
const char *payload_read(struct payload *p, enum source_payload how, struct cel_value *ret);

/* -- stamp.c: a device's time ---------------------------------------------------------------------------------------------------- */
/* Seconds, ms, µs, ns (told apart by size), a timestamp, ISO text with or without zone, digits as text. False: unusable (also a clock that was never set). */
bool stamp_read(struct cel_value v, const struct zone *zone, int64_t *ret_ms);

/* -- memory.c: what was told last, for on_change and dedupe; bounded, what was told least recently goes --------------------------------
 *
 * It changes only when an event is made, so the journal's events tell all of its changes: rows (memory_rows.c) say what it was at the last checkpoint, and the events behind it say
 * what came since. Nothing is written for an event but the hash of its dedupe key, which the event itself cannot tell. Names and values are kept as hashes of 64 bits, seeded for
 * each store, so that an entry costs the same whatever a device sends and nobody can aim at one. */
#define MEMORY_MAX 20000 /* of each kind */
#define MEMORY_PAGE 32   /* entries of one row */
struct memory_item {
    struct memory_item *newer, *older;
    uint64_t key, order; /* order: running number of the latest change */
    uint32_t owner;      /* of what source, or name that sources share; see memory_owner */
    uint32_t slot;       /* row slot / MEMORY_PAGE */
    bool dedupe;
    uint16_t n;        /* fields */
    int64_t at, until; /* dedupe: ms, wall, of the event that was let through, and when it may be repeated */
    uint64_t fields[]; /* on_change: hashes of values, in the order of the source's list; 0: never told */
};
struct memory_list {
    struct memory_item *newest, *oldest;
    size_t count;
};
struct memory {
    struct map map; /* the key's 8 bytes -> struct memory_item */
    struct memory_list changes, repeats;
    struct memory_item **slots;
    uint8_t *dirty; /* pages */
    size_t nslots, npages, next_free;
    size_t max;
    uint64_t seed, order, evicted;
    bool unsorted; /* rows have been read */
};
void memory_init(struct memory *m, size_t max);
void memory_done(struct memory *m);
uint64_t memory_hash(const struct memory *m, const char *data, size_t len); /* never 0 */
struct memory_item *memory_find(const struct memory *m, uint64_t key);
/* Finds or makes the entry, which becomes the most recent one of its kind and is to be written. NULL without memory. */
struct memory_item *memory_touch(struct memory *m, uint64_t key, uint32_t owner, bool dedupe, size_t nfields);
bool memory_room(struct memory *m, size_t page);   /* so many pages are there */
void memory_expire(struct memory *m, int64_t now); /* the oldest that may be repeated anyway */
void memory_drop(struct memory *m, struct memory_item *it);

/* -- memory_rows.c -------------------------------------------------------------------------------------------------------------------- */
struct source_memory { /* what the mapper knows of a source beside the rule set */
    uint32_t owner;
    bool remembers; /* an event of it has on_change or dedupe */
    bool former;    /* events of the journal's tail were made by another source of this name */
};
uint32_t memory_owner(const char *what, const char *name, uint64_t hash);
struct mapper;
void memory_sources_changed(struct mapper *m); /* a rule set has taken over: what belongs to none of its sources goes */
void memory_sort(struct memory *m);            /* after rows, before anything else */

/* -- stats.c --------------------------------------------------------------------------------------------------------------------- */
struct counters {
    uint64_t messages, events, nothing, broken;
};
struct trouble {
    char *topic, *source, *why, *example;
    size_t example_len, payload_len;
    enum source_outcome outcome;
    uint64_t count;
    int64_t last;
};
struct troubles {
    struct map map; /* outcome and topic -> struct trouble */
    struct trouble **items;
    size_t count;
    struct trouble *rest; /* "(other topics)" */
};
void troubles_init(struct troubles *t);
void troubles_done(struct troubles *t);
/* `shown`: the payload as it may be shown. */
void troubles_note(struct troubles *t, const struct message *msg, enum source_outcome o, const char *source, const char *why,
                   const char *shown, size_t shown_len);

/* -- map.c ------------------------------------------------------------------------------------------------------------------------ */
#define SOURCE_MAX_STEPS 2000000 /* of all expressions over one message */

struct mapper {
    const struct ruleset *rs;
    struct arena arena; /* trie, filters: made anew with each rule set */
    struct trie trie;
    const char *const *filters;
    size_t nfilters;
    uint32_t *ids;             /* scratch for trie_match */
    struct wanted *wanted;     /* one a source */
    struct counters *counters; /* one a source */
    struct memory memory;
    struct source_memory *remembered; /* one a source */
    bool sources_dirty;               /* the row that tells which sources the memory belongs to */
    struct troubles troubles;
    struct charset_decoder *decoders[CHARSETS]; /* those that sources use, but UTF-8 */
    struct buf scratch;
    bool explain; /* say what events lack, and why */
    uint64_t outcomes[OUTCOME_BROKEN + 1];
    uint64_t cleaned; /* messages with stray bytes in front */
};

#endif
