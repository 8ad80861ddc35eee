/* SPDX-License-Identifier: Apache-2.0
 * One platform's sender, whatever its kind: what became of a message, whether the platform can be reached, and its commands. */
#include <stdio.h>
#include <string.h>

#include "forward_int.h"
#include "gengfu/base/json.h"
#include "gengfu/base/log.h"

int64_t sender_backoff(struct sender *s, int failures) {
    int64_t ceiling = s->conf->retry_min > 0 ? s->conf->retry_min : 1000;
    int64_t max = s->conf->retry_max > ceiling ? s->conf->retry_max : ceiling;

    for (int i = 1; i < failures && ceiling < max; i++)
        ceiling *= 2;
    if (ceiling > max)
        ceiling = max;
    int64_t wait = (int64_t)prng_below(&s->f->prng, (uint64_t)ceiling + 1);
    int64_t floor = ceiling < 100 ? ceiling : 100;

    return wait < floor ? floor : wait;
}

void sender_health(struct sender *s, bool reachable, const char *why) {
    if (!reachable)
        (void)snprintf(s->why, sizeof(s->why), "%s", why);
    else
        s->why[0] = '\0';
    if (s->known && s->reachable == reachable)
        return;
    s->known = true;
    s->reachable = reachable;
    if (s->f->ops.health != NULL && !s->f->stopping)
        s->f->ops.health(s->f->ctx, s->index, reachable, reachable ? "" : s->why);
}

static void trouble(struct sender *s, const char *why, int64_t floor, int64_t retry_after) {
    uint64_t now = uv_now(s->f->loop);

    if (now >= s->hold) { /* the other messages in flight tell of the same trouble */
        s->failures++;
        int64_t wait = sender_backoff(s, s->failures);

        if (wait < floor)
            wait = floor + (int64_t)prng_below(&s->f->prng, (uint64_t)floor + 1);
        s->hold = now + (uint64_t)(retry_after > wait ? retry_after : wait);
    } else if (retry_after >= 0 && now + (uint64_t)retry_after > s->hold) {
        s->hold = now + (uint64_t)retry_after;
    }
    sender_health(s, false, why);
    forward_turn(s->f);
}

void sender_trouble(struct sender *s, const char *why, int64_t retry_after) { trouble(s, why, 0, retry_after); }

/* Whoever asks with a token that has run out, again and again, gets locked out: between half of retry_max and all of it from the first time on. A renewed token is seen with the next try, or at once with a
 * reload. */
void sender_unauthorized(struct sender *s, const char *why, int64_t retry_after) {
    s->unauthorized = true;
    trouble(s, why, s->conf->retry_max / 2, retry_after);
}

void sender_renewed(struct sender *s) {
    s->unauthorized = false;
    s->hold = 0;
    forward_turn(s->f);
}

static void confirmed(struct sender *s) {
    s->stats.confirmed++;
    s->stats.last_confirmed = s->f->ops.wall(s->f->ctx);
    s->failures = s->row_failures = 0;
    s->hold = 0;
    s->unauthorized = false;
    sender_health(s, true, "");
}

void sender_result(struct sender *s, struct slot *slot, enum result r, const char *why, int64_t retry_after) {
    if (slot->state != SLOT_FLYING)
        return;
    int64_t wall = s->f->ops.wall(s->f->ctx);

    slot->own = NULL;
    slot->mid = 0;
    slot->deadline = 0;
    s->stats.in_flight--;
    if (r == RESULT_UNREACHABLE || r == RESULT_UNAUTHORIZED) { /* the row's tries are not spent on it */
        slot->state = SLOT_FREE;
        s->stats.failed++;
        if (r == RESULT_UNAUTHORIZED)
            sender_unauthorized(s, why, retry_after);
        else
            sender_trouble(s, why, retry_after);
        return;
    }
    (void)snprintf(slot->why, sizeof(slot->why), "%s", why);
    slot->state = SLOT_SETTLED;
    slot->outcome = (struct outbox_outcome){
        .platform = s->conf->name, .incident = slot->incident, .revision = slot->revision, .why = slot->why, .at = wall};
    if (r == RESULT_CONFIRMED) {
        slot->outcome.result = OUTBOX_CONFIRMED;
        slot->outcome.why = NULL;
        confirmed(s);
    } else if (r == RESULT_DEAD) {
        slot->outcome.result = OUTBOX_DEAD;
        s->stats.dead++;
        s->row_failures = 0; /* it answers */
        s->failures = 0;
        s->hold = 0;
        log_error("platform %s: refuses %s revision %u for good: %s", s->conf->name, slot->incident, slot->revision, why);
        sender_health(s, true, "");
        (void)snprintf(s->why, sizeof(s->why), "%s", why);
    } else {
        int64_t wait = sender_backoff(s, slot->attempts + 1);

        slot->outcome.result = OUTBOX_RETRY;
        slot->outcome.next_try = wall + (retry_after > wait ? retry_after : wait);
        s->stats.failed++;
        (void)snprintf(s->why, sizeof(s->why), "%s", why);
        if (++s->row_failures >= FORWARD_ROW_TROUBLE)
            sender_trouble(s, why, retry_after);
    }
    forward_turn(s->f);
}

/* The platform confirms what is not in flight any more (it was slow, or we were restarted). The store knows whether that revision still waits. */
void sender_late_receipt(struct sender *s, const char *incident, uint32_t revision) {
    struct forward *f = s->f;

    if (f->nlate >= FORWARD_LATE_MAX || strlen(incident) >= sizeof(f->late[0].incident))
        return;
    struct late *l = &f->late[f->nlate++];

    l->sender = s->index;
    l->revision = revision;
    (void)snprintf(l->incident, sizeof(l->incident), "%s", incident);
    confirmed(s);
    forward_turn(f);
}

void sender_link(struct sender *s, bool up, const char *why) {
    s->link = up;
    if (up) {
        s->failures = s->row_failures = 0;
        s->hold = 0;
        sender_health(s, true, "");
    } else {
        for (size_t i = 0; i < s->nslots; i++) {
            struct slot *slot = &s->slots[i];

            if (slot->state != SLOT_FLYING)
                continue;
            slot->state = SLOT_FREE;
            slot->mid = 0;
            slot->deadline = 0;
            s->stats.in_flight--;
        }
        sender_health(s, false, why);
    }
    forward_turn(s->f);
}

struct slot *sender_slot(struct sender *s, const char *incident) {
    for (size_t i = 0; i < s->nslots; i++)
        if (s->slots[i].state == SLOT_FLYING && strcmp(s->slots[i].incident, incident) == 0)
            return &s->slots[i];
    return NULL;
}

/* -- commands -------------------------------------------------------------------------------------------------------------------------------- */

static bool may_command(struct sender *s) {
    uint64_t now = uv_now(s->f->loop);

    s->tokens += (double)(now - s->tokens_at) * FORWARD_COMMANDS_PER_SECOND / 1000.0;
    s->tokens_at = now;
    if (s->tokens > FORWARD_COMMANDS_PER_SECOND)
        s->tokens = FORWARD_COMMANDS_PER_SECOND;
    if (s->tokens < 1.0)
        return false;
    s->tokens -= 1.0;
    return true;
}

static void refuse(struct sender *s, const char *id, const char *sentence) {
    struct buf b;

    if (s->ops->answer == NULL)
        return;
    buf_init(&b, FORWARD_COMMAND_MAX * 2);
    struct jw w = jw_start(&b);

    jw_open(&w, NULL, '{');
    jw_str(&w, "id", id);
    jw_bool(&w, "ok", false);
    jw_str(&w, "error", sentence);
    jw_close(&w, '}');
    if (!b.failed)
        s->ops->answer(s, b.data, b.len);
    buf_done(&b);
}

static void one_command(struct sender *s, const cJSON *command) {
    struct buf answer;
    const char *id = json_str(command, "id", "");

    s->stats.commands++;
    if (!s->conf->commands) {
        refuse(s, id, "this platform may not command incidents (commands: false in the gateway's configuration)");
    } else if (!cJSON_IsObject(command)) {
        refuse(s, id, "a command is a JSON object with \"id\", \"incident\" and \"action\"");
    } else if (!may_command(s)) {
        char text[128];

        (void)snprintf(text, sizeof(text), "more than %d commands a second; send it again in a second, with the same id",
                       FORWARD_COMMANDS_PER_SECOND);
        refuse(s, id, text);
    } else {
        buf_init(&answer, FORWARD_COMMAND_MAX);
        s->f->ops.command(s->f->ctx, s->index, command, &answer);
        if (answer.len > 0 && !answer.failed && s->ops->answer != NULL)
            s->ops->answer(s, answer.data, answer.len);
        buf_done(&answer);
    }
}

void sender_commands(struct sender *s, const char *json, size_t len) {
    struct forward *f = s->f;
    struct err err = {0};
    const cJSON *doc, *item;
    char sentence[1200];

    if (len > FORWARD_COMMAND_MAX) {
        (void)snprintf(sentence, sizeof(sentence), "a command has at most %d bytes, not %zu", FORWARD_COMMAND_MAX, len);
        refuse(s, "", sentence);
        return;
    }
    struct arena_mark mark = arena_mark(&f->arena);

    if (json_parse(&f->arena, json, len, &err, &doc) < 0) {
        (void)snprintf(sentence, sizeof(sentence), "not JSON: %s", err.text);
        refuse(s, "", sentence);
    } else {
        const cJSON *list = cJSON_IsArray(doc) ? doc : json_get(doc, "commands");

        if (list == NULL)
            one_command(s, doc);
        else if (!cJSON_IsArray(list))
            refuse(s, "", "\"commands\" is a list of commands");
        else
            cJSON_ArrayForEach(item, list) one_command(s, item);
    }
    arena_rewind(&f->arena, mark);
}
