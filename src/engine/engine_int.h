/* SPDX-License-Identifier: Apache-2.0
 * The engine's own view of itself, for src/engine and its tests only.
 *
 *   event ─► index.c: which rules concern it ─► pattern file (single, window, sequence, together, absent) ─► condition.c: true, false or unknown for one key
 *         ─► open.c: raise, fold, resolve ─► effects; what rules raised comes round again as events of kind `incident` (feed.c)
 *
 * One instance = one rule at work for one `by` value. Functions that cannot report otherwise set engine.oom when memory runs out; the call then ends with GF_ENOMEM. */
#ifndef GENGFU_ENGINE_INT_H
#define GENGFU_ENGINE_INT_H

#include "gengfu/base/heap.h"
#include "gengfu/base/json.h"
#include "gengfu/base/map.h"
#include "gengfu/engine/engine.h"

/* Ceilings. */
#define ENGINE_MAX_OPEN 100000         /* incidents that are not over */
#define ENGINE_MAX_RESOLVED 2000       /* of these, resolved and not closed */
#define ENGINE_MAX_KEY 256             /* bytes of a key's text; longer ones end in their hash */
#define ENGINE_MAX_WINDOW 10000        /* events of one window; then the oldest go */
#define ENGINE_MAX_WINDOW_TOTAL 500000 /* events of all windows together */
#define ENGINE_SERIAL_DAYS 8           /* days whose serial is remembered: a clock that goes back a day must not give its numbers again */
#define ENGINE_MAX_PARTIALS 64         /* half-done sequences of one key; then the oldest goes */
#define ENGINE_MAX_PARTIALS_TOTAL 50000
#define ENGINE_MAX_FIELDS 256      /* known fields of one device */
#define ENGINE_MAX_KEPT_TEXT 4096  /* bytes of one field that is a text; a list or map may take four times as much */
#define ENGINE_MAX_KEPT (16 << 20) /* bytes of all such fields of all devices */
#define ENGINE_MAX_FIGURES 64      /* that one rule asks for */
#define ENGINE_MAX_SEEN 32         /* kinds whose last event is remembered, per device */
#define ENGINE_MAX_CHANGES 100     /* chattering: changes that are counted */
#define ENGINE_MAX_DEPTH 4         /* rules over incidents of rules over incidents … */
#define ENGINE_MAX_EVIDENCE 20
#define ENGINE_RECENT 256 /* incidents that are over and can still be reopened or evaluated from memory */
#define ENGINE_DEFAULT_REPEAT (4 * TIME_HOUR)
#define ENGINE_WINDOW_CHUNK 64 /* window entries of one state row */

/* -- timers (timer.c) ------------------------------------------------------------------------------------------------------ */
enum timer_owner { TIMER_INSTANCE, TIMER_ABSENCE, TIMER_RULE, TIMER_DOCKET };
struct engine_timer {
    struct heap_node node; /* first */
    uint8_t owner;         /* enum timer_owner */
    bool hand;             /* taken out of the heap to be fired in this very millisecond, and still wanted */
};

/* What an instance waits for; at the same moment they come in this order, so that an end goes before what would be said of something that goes on.
 * DUE_CLEAR: steps have not matched for so long (clear: auto). DUE_QUIET: resolve_after. */
enum due { DUE_FOR, DUE_WINDOW, DUE_STEP, DUE_CHATTER, DUE_CLEAR, DUE_KEEP, DUE_QUIET, DUE_HOLD, DUE_ESCALATE, DUE_REVISE, DUES };

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };
enum by_type { BY_STRING, BY_INT, BY_DOUBLE, BY_BOOL, BY_JSON };

/* -- devices --------------------------------------------------------------------------------------------------------------- */
struct device_field {
    atom_t name;
    uint32_t cap; /* bytes of text */
    int64_t time; /* ms, wall: of the event that set it */
    struct cel_value value;
    char *text;         /* owned: the string or bytes, when it is one */
    struct arena *deep; /* owned: a list or map, when it is one */
};
struct device_seen {
    atom_t kind;
    int64_t at;   /* attended ms (see absent.c) */
    int64_t wall; /* ms; for events from the journal's tail `at` is made of it at the start */
    bool tail;
};
struct device_met { /* the last event that fitted the `when` of an absent rule */
    char *rule;
    uint64_t hash;
    struct device_seen seen;
};
struct engine_device {
    struct cel_record bare; /* first: what a rule reads as device.* when the registry has no row: only the id */
    char *id;
    const struct device *row; /* NULL: not in the registry */
    struct device_field *fields;
    uint32_t nfields, cap_fields;
    struct device_seen *seen;
    uint32_t nseen;
    struct device_met *met;
    uint32_t nmet;
    size_t index;      /* in engine.devices */
    int64_t last_seen; /* ms, wall */
    int64_t known;     /* attended ms at which the engine first heard of it; TIME_NONE: not started yet */
    int online;
    uint64_t events;
    bool dirty, queued;
    bool known_stored; /* `known` stands in the store */
    struct engine_device *next_dirty;
};
/* `state`: the device's fields with an event laid over them (ev may be NULL). */
struct state_record {
    struct cel_record record; /* first */
    const struct engine_device *device;
    const struct event *event;
};

/* -- what is remembered for one rule and key ---------------------------------------------------------------------------------- */
struct window_entry {
    int64_t at; /* engine ms */
    int64_t wall;
    uint64_t number; /* while restoring: the running number that it had */
    struct engine_device *device;
    char *member;      /* owned; an incident id; NULL */
    uint64_t values[]; /* one per aggregate: the bits of a double, or a hash; see aggregate.c */
};
struct window {
    struct window_entry **ring; /* oldest first, from head on */
    size_t head, count, cap;
    uint64_t first;                  /* running number of the oldest entry: its state row is first / ENGINE_WINDOW_CHUNK */
    uint64_t clean;                  /* entries before this number stand in the store as they are */
    uint64_t stored_from, stored_to; /* chunks that have a row: [from, to) */
    uint64_t restored_first;         /* while restoring: `first` as the key's own row says */
};
struct kept { /* an event's own copy, as text (keep.c) */
    char *text;
    size_t len;
    int64_t at;   /* engine ms */
    int64_t time; /* wall ms: the event's own */
};
struct partial {   /* a sequence under way */
    int64_t began; /* engine ms of its first event */
    int64_t wall;  /* that event's time */
    size_t step;   /* the next step to be fulfilled */
    struct kept steps[RULES_MAX_STEPS];
};
struct engine_rule;
struct docket;
struct instance {
    struct engine_timer timer; /* first */
    struct engine_rule *rule;
    struct instance *lru_prev, *lru_next; /* among those of the rule that are not firing */
    struct instance *next_dirty;
    struct docket *docket;   /* the open incident; NULL */
    struct absence *absence; /* absent: what it watches; NULL */
    uint64_t used;           /* running number of the latest change: who is least recent */
    int64_t due[DUES];       /* engine ms; TIME_NONE */
    int64_t pending;         /* engine ms since when a `for` holds; TIME_NONE */
    int64_t since;           /* wall ms of the first event of what is pending or firing */
    uint64_t matches;        /* events that matched while pending */
    struct kept last;        /* the latest matching event */
    struct kept *bound;      /* sequence and together: the events of the latest match, one per step (NULL until there is one) */
    struct window *window;
    struct partial **partials;
    size_t npartials, cap_partials;
    struct kept *latest; /* together: the latest event of each step */
    int64_t *changes;    /* chattering: engine ms of the latest changes */
    size_t nchanges;
    int64_t raised, told_at;  /* engine ms: of the raise, of the latest revision */
    size_t escalated;         /* steps of escalation that are behind us */
    bool chattering, cleared; /* the incident is held open; and the condition itself is false now */
    bool silent;              /* absent: its silence has been told (or excepted), and no event has come since */
    bool dirty, stored, listed;
    uint8_t by; /* enum by_type */
    size_t key_len;
    char key[];
};

struct absence {               /* one key of an absent rule */
    struct engine_timer timer; /* first */
    struct engine_rule *rule;
    struct engine_device *device; /* that spoke last, or the first of the key */
    int64_t seen;                 /* attended ms */
    int64_t wall;                 /* ms of the latest event; TIME_NONE: never */
    int64_t span;                 /* ms of silence that are too long */
    bool fired;
    uint8_t by;
    size_t key_len;
    char *key;
};

struct figures { /* identities of what a window's entries hold, in their order (figures.c) */
    uint64_t *id;
    size_t n;
};
#define ENGINE_MAX_GUARDS 2
struct rule_guard {
    struct cel_guard guard;
    uint8_t slot;
};
struct engine_rule {
    struct engine_timer timer; /* first: the next change of `during` */
    const struct rule *rule;
    size_t index;
    bool inside;          /* `during` holds now */
    bool takes_any;       /* on: '*' */
    bool indexed, active; /* found by a value; and has keys, so it is looked at always */
    bool plain;           /* nothing to remember and `when` false: nothing happens */
    bool by_name;         /* some of rule->required has no slot */
    uint8_t nguards;
    uint64_t mask; /* slots of rule->required */
    struct rule_guard guards[ENGINE_MAX_GUARDS];
    uint32_t platforms;
    uint8_t step_reads[RULES_MAX_STEPS];   /* bits: which steps a step's `when` reads */
    struct map keys;                       /* key -> struct instance */
    struct instance *lru_first, *lru_last; /* first: least recent */
    size_t npending, nfiring;
    struct absence *absences;
    size_t nabsences;
    struct absence **by_device; /* by engine_device.index; NULL entries: not watched */
    size_t nby_device;
    struct figures figures, stored_figures; /* today's, and, while restoring, those of the rows */
    bool figures_dirty;
    uint64_t evaluated, matched, unknown, errors, opened, evicted, dropped;
    char *last_error; /* owned; NULL until there is one */
};

struct docket {                /* an incident that is not over */
    struct engine_timer timer; /* first: when a resolved one closes by itself */
    struct incident *inc;
    struct engine_rule *rule;  /* NULL: gone */
    struct instance *instance; /* while firing */
    bool dirty;                /* the row is to be written at the next flush */
    bool unsynced;             /* stamps were made by this process with a clock that was not known to be right */
    int64_t shifted;           /* how far they have been moved since */
    bool stale;                /* `values` are not those of the latest kept event */
    bool queued;
    struct docket *next_dirty;
};

struct feed_item { /* an incident's change on its way to the rules over incidents */
    struct feed_item *next;
    int depth;
    bool shadow;
    struct event event;
    struct event_field fields[10];
};

/* Rules whose `when` asks for one value of one field are found by that value (equality.c), but for those that have something to remember: these are looked at always. */
struct equality_bucket {
    struct cel_value value;
    struct engine_rule **rules;
    size_t n;
};
struct equality {
    atom_t field;
    struct equality_bucket *slots; /* open addressing; n 0: free */
    size_t nslots, count;
};
#define ENGINE_MAX_EQUALITIES 4 /* fields of one kind that are indexed */
struct rule_list {
    struct engine_rule **rules;
    size_t n;
};
struct candidates { /* all lists in the order of the rule set */
    struct rule_list always, active;
    struct equality equalities[ENGINE_MAX_EQUALITIES];
    size_t nequalities;
};
struct rule_index {
    struct candidates *by_kind; /* by atom */
    size_t nkinds;
    struct candidates any_kind;
    uint8_t *slots; /* by atom, of a field's name: fields.c */
    size_t nslots;
    uint8_t used;
};

struct engine {
    const struct ruleset *rs;
    struct engine_conf conf;
    char *gateway;
    struct engine_time now;
    int64_t offset; /* wall - mono when interval timers were last set */
    bool started, oom;
    struct effects *fx; /* of the call under way */
    struct heap timers;
    struct engine_timer **hand;
    size_t nhand, cap_hand;
    struct arena scratch; /* reset per event and timer */
    struct arena feed_arena;
    struct feed_item *feed_first, *feed_last;
    int depth; /* of the event under way: 0 from a device, 1 an incident's … */
    bool depth_shadow;
    struct prng prng;
    struct engine_rule *rules;
    size_t nrules;
    bool figures_dirty;
    struct rule_index index;
    struct map devices_by_id;
    struct engine_device **devices;
    size_t ndevices, cap_devices, nregistered;
    struct engine_device *dirty_first, *dirty_last;
    size_t ndirty_devices;
    uint64_t unregistered, refused_devices;
    size_t kept;        /* bytes of texts, lists and maps in the devices' fields */
    size_t nfiring;     /* of all rules */
    struct map dockets; /* id -> struct docket */
    struct docket *recent[ENGINE_RECENT];
    size_t next_recent;
    struct docket *dirty_dockets;
    struct instance *dirty_instances;
    uint64_t refused_incidents, refused_feed;
    uint64_t uses;
    size_t window_entries, npartials;
    /* the attended clock */
    int64_t paused;     /* ms that do not count: our own down time, our link down */
    int64_t link_down;  /* engine ms since when the link is down; TIME_NONE: up */
    int64_t grace_from; /* attended ms */
    bool clock_known, clock_dirty;
    /* numbers */
    struct serial {
        int day; /* 20260110; 0: none */
        uint32_t n;
    } serials[ENGINE_SERIAL_DAYS]; /* the latest day that was used first */
    bool serial_dirty;
    struct effect_state *gone; /* rows of rules that are no more, to be deleted at the start */
    size_t ngone, cap_gone;
    struct arena restore_arena;
    struct buf text; /* for writing rows; reused */
    atom_t a_incident, a_availability, a_online, a_shared, a_device;
};

/* -- lifecycle.c ------------------------------------------------------------------------------------------------------------------------------ */
enum move {
    MOVE_ACKNOWLEDGE = ACTION_ACKNOWLEDGE,
    MOVE_DISPATCH = ACTION_DISPATCH,
    MOVE_HANDLE = ACTION_HANDLE,
    MOVE_RESOLVE = ACTION_RESOLVE,
    MOVE_CLOSE = ACTION_CLOSE,
    MOVE_REOPEN = ACTION_REOPEN,
    MOVE_NOTE = ACTION_NOTE,
    MOVE_EVALUATE = ACTION_EVALUATE,
    MOVE_REPEAT, /* the rule matched again, escalated, got a member */
    MOVE_CLEAR,  /* the rule's condition has ended */
    MOVE_EXPIRE, /* nobody closed a resolved one for closed_max_age */
    MOVES
};
struct lifecycle_move {
    enum condition to_condition;
    enum handling to_handling;
    enum change sends;
};
/* False: not allowed in that state. */
bool engine_lifecycle(enum move m, enum condition c, enum handling h, struct lifecycle_move *ret);

/* -- timers -------------------------------------------------------------------------------------------------------------------- */
void engine_timer_set(struct engine *e, struct engine_timer *t, int64_t due);
void engine_timer_unset(struct engine *e, struct engine_timer *t);
void engine_timers_run(struct engine *e, struct engine_time now); /* fires all that are due by now.mono */
void engine_instance_arm(struct engine *e, struct instance *in);  /* after a change of due[] */

/* -- index ---------------------------------------------------------------------------------------------------------------------- */
GF_WARN_UNUSED int engine_index_build(struct engine *e);
void engine_index_release(struct rule_index *ix);
/* The rules that an event may concern, in order; the list is in scratch or the index's own. */
struct rule_list engine_candidates(struct engine *e, const struct event *ev);
bool engine_anyone_listens(const struct engine *e, atom_t kind);
struct rule_list engine_kind_rules(const struct engine *e, atom_t kind); /* those that are in no equality index */
bool engine_rule_list_add(struct rule_list *l, struct engine_rule *er);
GF_WARN_UNUSED int engine_equality_add(struct candidates *c, struct engine_rule *er, const struct cel_equality *by);
/* By which value the rule is found; field a_device: by the device's id. False: by none. */
bool engine_equality_of(const struct engine *e, const struct rule *r, struct cel_equality *ret);
struct rule_list engine_equality_rules(struct engine *e, const struct candidates *c, const struct event *ev);
void engine_equality_free(struct candidates *c);
void engine_active_update(struct engine *e, struct engine_rule *er); /* after its number of keys has changed */

/* -- an event's fields (fields.c) -------------------------------------------------------------------------------------------------- */
struct field_map {
    const struct event *event;
    uint64_t mask; /* bits: slots that the event has */
    uint8_t at[64];
};
GF_WARN_UNUSED bool engine_fields_add(struct rule_index *ix, struct engine_rule *er); /* false: no memory */
void engine_fields_of(const struct rule_index *ix, struct field_map *m, const struct event *ev);
bool engine_has_names(const struct engine_rule *er, const struct field_map *m);
static inline bool engine_has_required(const struct engine_rule *er, const struct field_map *m) {
    return (er->mask & m->mask) == er->mask && (!er->by_name || engine_has_names(er, m));
}
bool engine_guarded(const struct engine_rule *er, const struct field_map *m); /* some field makes `when` false; it need not be run */

/* -- evaluation (context.c) -------------------------------------------------------------------------------------------------------- */
struct engine_eval {
    struct cel_context ctx;
    struct engine *engine;
    const struct event *event;
    struct engine_device *device;
    bool live;    /* an event is under way */
    bool touched; /* what belongs to one rule is set */
    struct event_record event_record;
    struct state_record state, previous;
    struct cel_value vars[CEL_MAX_VARS];
    struct cel_value *aggregates;
};
/* `live`: the event is under way and not yet in the device's fields. ev may be NULL. */
void engine_eval_init(struct engine_eval *x, struct engine *e, const struct event *ev, struct engine_device *dev, bool live);
void engine_eval_reset(struct engine_eval *x);                               /* for the next rule */
void engine_eval_instance(struct engine_eval *x, const struct instance *in); /* by, since, count, last, steps */
/* `wanted`: bits of steps. */
void engine_eval_steps(struct engine_eval *x, const struct rule *rule, const struct kept *steps, uint32_t wanted);
#define ENGINE_ALL_STEPS 0xffu
struct cel_value engine_eval(struct engine_eval *x, struct engine_rule *er, const struct rules_expr *expr); /* errors are counted */
enum truth engine_truth(struct engine_eval *x, struct engine_rule *er, const struct rules_expr *expr); /* a missing expression is true */
bool engine_excepted(struct engine_eval *x, struct engine_rule *er);
struct cel_value engine_by_value(const char *key, size_t len, uint8_t by, struct arena *a);

/* -- kept events (keep.c) ---------------------------------------------------------------------------------------------------------- */
void engine_keep(struct engine *e, struct kept *k, const struct event *ev); /* replaces what is there */
void engine_keep_text(struct engine *e, struct kept *k, const char *text, size_t len, int64_t at, int64_t time);
void engine_unkeep(struct kept *k);
int64_t engine_ms(const cJSON *n, int64_t otherwise); /* a number of a row as ms; otherwise: none, or beyond reason */
uint64_t engine_whole(const cJSON *n, uint64_t otherwise);
bool engine_kept(struct arena *a, const struct kept *k, struct event *ret); /* false: none, or unreadable */

/* -- devices ---------------------------------------------------------------------------------------------------------------------- */
struct engine_device *engine_device_get(struct engine *e, const char *id, bool create); /* NULL: unknown, or no room */
void engine_device_merge(struct engine *e, struct engine_device *d, const struct event *ev);
bool engine_device_changes(const struct engine_device *d, const struct event *ev); /* would the merge change a field? */
void engine_device_dirty(struct engine *e, struct engine_device *d);
void engine_device_free(struct engine_device *d);
struct device_seen *engine_device_seen(struct engine_device *d, atom_t kind, bool create);
struct device_met *engine_device_met(struct engine_device *d, const struct rule *rule, bool create);
bool engine_device_field(const struct engine_device *d, atom_t name, struct cel_value *ret);
GF_WARN_UNUSED int engine_devices_load(struct engine *e); /* rows of the registry in force */
void engine_devices_announce(struct engine *e);           /* rows for those whose `known` no row tells yet */
void engine_device_spoke(struct engine *e, struct engine_device *d, const struct event *ev);
void engine_device_write(struct buf *b, const struct engine_device *d);
GF_WARN_UNUSED int engine_device_read(struct engine *e, struct engine_device *d, const char *body, size_t len, struct err *err);
void engine_device_set(struct engine *e, struct engine_device *d, atom_t name, struct cel_value v, int64_t time);

/* -- instances (key.c, state.c) ------------------------------------------------------------------------------------------------------- */
/* The key for the event under way; false: unknown. *ret_key is in scratch or borrowed from the device. */
bool engine_key(struct engine_eval *x, struct engine_rule *er, const char **ret_key, size_t *ret_len, uint8_t *ret_by);
struct instance *engine_instance_find(const struct engine_rule *er, const char *key, size_t len);
struct instance *engine_instance_get(struct engine *e, struct engine_rule *er, const char *key, size_t len, uint8_t by); /* NULL: the cap */
/* Whatever the cap says. */
struct instance *engine_instance_make(struct engine *e, struct engine_rule *er, const char *key, size_t len, uint8_t by);
void engine_instance_touch(struct engine *e, struct instance *in); /* changed: most recent, to be written */
/* Frees it when nothing is left to remember; in may be gone afterwards. */
void engine_instance_settle(struct engine *e, struct instance *in);
void engine_instance_drop(struct engine *e, struct instance *in);   /* frees it; its rows go */
void engine_instance_free(struct engine *e, struct instance *in);   /* memory only */
void engine_instance_relist(struct instance *in);                   /* after docket was set or unset */
void engine_instance_forget(struct engine *e, struct instance *in); /* pattern memory: window, partials, latest, pending */
void engine_set_pending(struct instance *in, int64_t since);
void engine_state_flush(struct engine *e, struct instance *in);
void engine_state_delete(struct engine *e, struct instance *in);
GF_WARN_UNUSED int engine_state_read(struct engine *e, struct engine_rule *er, const char *key, const char *body, size_t len,
                                     struct err *err);
void engine_state_shift(struct engine *e, struct instance *in, int64_t down);
void engine_own_flush(struct engine *e);
GF_WARN_UNUSED int engine_own_read(struct engine *e, const char *key, const char *body, size_t len, struct err *err);

/* -- patterns ------------------------------------------------------------------------------------------------------------------------ */
void engine_single_event(struct engine_eval *x, struct engine_rule *er);
void engine_window_event(struct engine_eval *x, struct engine_rule *er);
void engine_window_due(struct engine *e, struct instance *in);
void engine_sequence_event(struct engine_eval *x, struct engine_rule *er);
void engine_sequence_due(struct engine *e, struct instance *in);
void engine_together_event(struct engine_eval *x, struct engine_rule *er);
void engine_together_due(struct engine *e, struct instance *in);
void engine_absent_event(struct engine_eval *x, struct engine_rule *er);
void engine_absent_due(struct engine *e, struct absence *a);
GF_WARN_UNUSED int engine_absent_build(struct engine *e, struct engine_rule *er);
void engine_absent_arm(struct engine *e, struct absence *a);
void engine_absent_met(struct engine_eval *x, struct engine_rule *er); /* the journal's tail */
void engine_absent_free(struct engine *e, struct engine_rule *er);
int64_t engine_attended(const struct engine *e, int64_t mono);
void engine_during_arm(struct engine *e, struct engine_rule *er);
void engine_during_due(struct engine *e, struct engine_rule *er);

struct window *engine_window_need(struct engine *e, struct instance *in);
void engine_window_insert(struct engine *e, struct instance *in, struct window_entry *w);
void engine_window_expire(struct engine *e, struct instance *in);
void engine_window_clear(struct engine *e, struct instance *in);
void engine_window_free(struct engine *e, struct instance *in);
void engine_window_skip(struct engine *e, struct instance *in, uint64_t first);
const struct window_entry *engine_window_at(const struct window *w, size_t i);
#define ENGINE_NO_VALUE UINT64_C(0x7ff80000deadbeef) /* a NaN of our own: the argument was unknown */
struct window_entry *engine_window_entry_new(struct engine *e, const struct rule *rule);
struct window_entry *engine_window_entry_sized(struct engine *e, size_t n);
void engine_aggregate_args(struct engine_eval *x, struct engine_rule *er, struct window_entry *w);
bool engine_aggregate_values(struct engine_eval *x, const struct rule *rule, const struct window *w); /* into x->aggregates */
GF_WARN_UNUSED int engine_figures_make(struct engine *e, struct engine_rule *er);
void engine_figures_done(struct engine_rule *er);
/* Entries were made in that order. unsaid: no row says so yet. */
void engine_figures_meet(struct engine *e, struct engine_rule *er, const struct figures *former, bool unsaid);
void engine_figures_read(struct engine *e, const char *key, const cJSON *j);
void engine_figures_started(struct engine *e);
void engine_figures_flush(struct engine *e);
void engine_partial_free(struct engine *e, struct partial *p);
void engine_partials_clear(struct engine *e, struct instance *in);

/* -- condition (condition.c): the pattern's verdict for one key, at this event or moment -------------------------------------------------- */
/* first: wall ms of the first event that led to it; count: how many events did. */
void engine_condition_true(struct engine_eval *x, struct instance *in, int64_t first, uint64_t count);
void engine_condition_false(struct engine_eval *x, struct instance *in); /* pending ends; an open one clears when `clear: auto` */
void engine_clear_event(struct engine_eval *x, struct instance *in);     /* the clear expression over this event */
void engine_clear(struct engine *e, struct instance *in);
void engine_rearm_clear(struct engine *e, struct instance *in);          /* ends that are counted from this match */
enum truth engine_common(struct engine_eval *x, struct engine_rule *er); /* during, when, exceptions */
bool engine_open_or_pending(const struct instance *in); /* somebody must notice when the condition turns false by time alone */
/* The world of the latest matching event, for what happens without one. ev is the caller's room. False: there is none. */
bool engine_eval_kept(struct engine_eval *x, struct engine *e, struct instance *in, struct event *ev);
bool engine_step_matches(struct engine_eval *x, struct engine_rule *er, const struct rule_step *step);
int64_t engine_own_moment(const struct engine *e, const struct event *ev); /* where a late event stands in engine time */
void engine_instance_due(struct engine *e, struct instance *in, enum due what);

/* -- incidents (open.c, tell.c, inhibit.c, …) ------------------------------------------------------------------------------------------- */
void engine_raise(struct engine_eval *x, struct instance *in, int64_t first, uint64_t count);
void engine_fold(struct engine_eval *x, struct instance *in);
void engine_tell_soon(struct engine *e, struct instance *in);
void engine_tell_rearm(struct engine *e, struct instance *in); /* hold, repeat_interval and escalate may have been reworded */
void engine_resolve(struct engine *e, struct instance *in, const char *who, const char *what, const char *note);
void engine_end(struct engine *e, struct instance *in, const struct lifecycle_move *m, const char *who, const char *what, const char *note);
void engine_revise(struct engine *e, struct docket *d, enum change change);
void engine_publish(struct engine *e, struct docket *d); /* a held or inhibited one is told after all */
bool engine_may_publish(const struct docket *d);
/* Title, text, values, evidence; x NULL: from the kept event. */
void engine_refresh(struct engine *e, struct docket *d, struct engine_eval *x);
void engine_docket_emit(struct engine *e, struct docket *d, bool publish);
void engine_docket_dirty(struct engine *e, struct docket *d);
void engine_docket_over(struct engine *e, struct docket *d);
void engine_docket_close_later(struct engine *e, struct docket *d);
void engine_docket_due(struct engine *e, struct docket *d);
void engine_bound_resolved(struct engine *e);
struct docket *engine_docket_add(struct engine *e, struct incident *inc); /* takes inc */
void engine_docket_free(struct engine *e, struct docket *d);
struct docket *engine_docket_find(const struct engine *e, const char *id_or_number);
struct docket **engine_dockets_sorted(struct engine *e, size_t *ret_n);
void engine_values(struct docket *d); /* values from the latest kept event */
bool engine_members_add(struct engine *e, struct docket *d, const char *id);
void engine_member_of(struct engine_eval *x, struct engine_rule *er, const char **ret); /* NULL: none */
void engine_inhibit_check(struct engine_eval *x, struct docket *d);
void engine_inhibit_raised(struct engine_eval *x, struct docket *d);
void engine_inhibit_resolved(struct engine *e, const struct docket *source);
void engine_escalate_arm(struct engine *e, struct instance *in);
void engine_escalate_due(struct engine *e, struct instance *in);
bool engine_chatter_change(struct engine *e, struct instance *in); /* true: now (or still) chattering */
void engine_chatter_due(struct engine *e, struct instance *in);
void engine_number(struct engine *e, char out[INCIDENT_NUMBER_MAX]);
uint32_t engine_serial(struct engine *e, int day); /* own.c: the next one of that day */
void engine_feed(struct engine *e, const struct docket *d, enum change change);
void engine_feed_run(struct engine *e);
void engine_run_rules(struct engine *e, const struct event *ev, struct engine_device *dev, bool live);
void engine_adopt(struct engine *e, struct docket *d, struct engine_rule *er); /* a restored or carried-over incident meets its rule */
void engine_dockets_meet(struct engine *e);
void engine_orphan(struct engine *e, struct docket *d, const char *note);
void engine_settle_publishing(struct engine *e); /* after a start or reload: who may be forwarded now */
GF_WARN_UNUSED int engine_rules_make(struct engine *e, const struct ruleset *rs);
void engine_rules_started(struct engine *e); /* intervals and watches */
struct engine_rule *engine_rule_named(const struct engine *e, const char *name);
uint32_t engine_platforms(const struct ruleset *rs, const char *const *names, size_t n); /* bits; none named: all */
void engine_state_ready(struct engine *e, struct instance *in);                          /* all rows of it have been read */
void engine_state_gone(struct engine *e, const char *rule, uint64_t hash, const char *key);
void engine_lru_sort(struct engine *e, struct engine_rule *er);
int engine_finish(struct engine *e);                      /* end of a call: GF_ENOMEM when memory ran out */
void engine_since_moves(struct engine *e, int64_t shift); /* restamp.c: the wall clock was set */
void engine_enter(struct engine *e, struct engine_time *now, struct effects *fx);

/* -- incident's parts (incident.c) --------------------------------------------------------------------------------------------------------- */
struct incident *engine_incident_new(void);
GF_WARN_UNUSED int engine_history_add(struct incident *inc, int64_t at, const char *who, const char *what, const char *note);
bool engine_incident_text(char **field, const char *s); /* replaces an owned string, cut to a sane length; false: no memory */
const char *engine_cap_word(const char *s);             /* one of CAP's words for urgency and certainty, of static life; "" for others */
bool engine_array_has(const cJSON *array, const char *s);

static inline bool engine_live(const struct engine_rule *er) { return er && er->rule->mode == RULE_LIVE; }

#endif
