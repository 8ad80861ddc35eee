/* SPDX-License-Identifier: Apache-2.0
 * An incident's life: two axes, drawn, named, and one table of moves. Everything that changes an incident's state asks here.
 *
 *   condition:   firing ──────────────────────────► resolved          clear (the rule), resolve or close (a person)
 *
 *   handling:    new ──► acknowledged ──► dispatched ──► handled ──► closed
 *                 │            │               │  ▲ └ again
 *                 └────────────┴───────────────┴──┴──► a step may be jumped forwards
 *                 ◄──────────── reopen ────────────────────────────┘
 *
 *   over = resolved and closed. `close` ends the condition too: whoever closes says that it is done; a later match is a new incident. So firing and closed never meet.
 *
 *   move          condition   handling                         becomes              sends
 *   acknowledge   any         new                              acknowledged         updated
 *   dispatch      any         new acknowledged dispatched      dispatched           updated
 *   handle        any         new acknowledged dispatched      handled              updated
 *   resolve       firing      any but closed                   resolved             resolved
 *   close         any         any but closed                   resolved and closed  closed
 *   reopen        any         any but new                      new                  updated
 *   note          any         any                              -                    updated
 *   evaluate      any         handled closed                   -                    updated
 *   repeat        firing      any but closed                   -                    updated
 *   clear         firing      any but closed                   resolved             resolved
 *   expire        resolved    any but closed                   closed               closed */
#include "engine_int.h"

#include <string.h>

#define C(x) (1u << (x))
#define ANY_CONDITION (C(CONDITION_FIRING) | C(CONDITION_RESOLVED))
#define NOT_CLOSED (C(HANDLING_NEW) | C(HANDLING_ACKNOWLEDGED) | C(HANDLING_DISPATCHED) | C(HANDLING_HANDLED))
#define SAME (-1)

static const struct {
    uint8_t move, conditions, handlings;
    int8_t to_condition, to_handling;
    uint8_t sends;
} moves[] = {
    {MOVE_ACKNOWLEDGE, ANY_CONDITION, C(HANDLING_NEW), SAME, HANDLING_ACKNOWLEDGED, CHANGE_UPDATED},
    {MOVE_DISPATCH, ANY_CONDITION, C(HANDLING_NEW) | C(HANDLING_ACKNOWLEDGED) | C(HANDLING_DISPATCHED), SAME, HANDLING_DISPATCHED,
     CHANGE_UPDATED},
    {MOVE_HANDLE, ANY_CONDITION, C(HANDLING_NEW) | C(HANDLING_ACKNOWLEDGED) | C(HANDLING_DISPATCHED), SAME, HANDLING_HANDLED,
     CHANGE_UPDATED},
    {MOVE_RESOLVE, C(CONDITION_FIRING), NOT_CLOSED, CONDITION_RESOLVED, SAME, CHANGE_RESOLVED},
    {MOVE_CLOSE, ANY_CONDITION, NOT_CLOSED, CONDITION_RESOLVED, HANDLING_CLOSED, CHANGE_CLOSED},
    {MOVE_REOPEN, ANY_CONDITION, C(HANDLING_ACKNOWLEDGED) | C(HANDLING_DISPATCHED) | C(HANDLING_HANDLED) | C(HANDLING_CLOSED), SAME,
     HANDLING_NEW, CHANGE_UPDATED},
    {MOVE_NOTE, ANY_CONDITION, NOT_CLOSED | C(HANDLING_CLOSED), SAME, SAME, CHANGE_UPDATED},
    {MOVE_EVALUATE, ANY_CONDITION, C(HANDLING_HANDLED) | C(HANDLING_CLOSED), SAME, SAME, CHANGE_UPDATED},
    {MOVE_REPEAT, C(CONDITION_FIRING), NOT_CLOSED, SAME, SAME, CHANGE_UPDATED},
    {MOVE_CLEAR, C(CONDITION_FIRING), NOT_CLOSED, CONDITION_RESOLVED, SAME, CHANGE_RESOLVED},
    {MOVE_EXPIRE, C(CONDITION_RESOLVED), NOT_CLOSED, SAME, HANDLING_CLOSED, CHANGE_CLOSED},
};

bool engine_lifecycle(enum move m, enum condition c, enum handling h, struct lifecycle_move *ret) {
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].move != m || !(moves[i].conditions & C(c)) || !(moves[i].handlings & C(h)))
            continue;
        ret->to_condition = moves[i].to_condition == SAME ? c : (enum condition)moves[i].to_condition;
        ret->to_handling = moves[i].to_handling == SAME ? h : (enum handling)moves[i].to_handling;
        ret->sends = (enum change)moves[i].sends;
        return true;
    }
    return false;
}

const char *condition_name(enum condition c) {
    switch (c) {
    case CONDITION_FIRING: return "firing";
    case CONDITION_RESOLVED: return "resolved";
    }
    return "";
}

const char *handling_name(enum handling h) {
    switch (h) {
    case HANDLING_NEW: return "new";
    case HANDLING_ACKNOWLEDGED: return "acknowledged";
    case HANDLING_DISPATCHED: return "dispatched";
    case HANDLING_HANDLED: return "handled";
    case HANDLING_CLOSED: return "closed";
    }
    return "";
}

const char *disposition_name(enum disposition d) {
    switch (d) {
    case DISPOSITION_NONE: return "";
    case DISPOSITION_REAL: return "real";
    case DISPOSITION_FALSE_ALARM: return "false_alarm";
    case DISPOSITION_IGNORED: return "ignored";
    case DISPOSITION_TEST: return "test";
    }
    return "";
}

const char *change_name(enum change c) {
    switch (c) {
    case CHANGE_OPENED: return "opened";
    case CHANGE_UPDATED: return "updated";
    case CHANGE_RESOLVED: return "resolved";
    case CHANGE_CLOSED: return "closed";
    }
    return "";
}

const char *action_name(enum action a) {
    switch (a) {
    case ACTION_ACKNOWLEDGE: return "acknowledge";
    case ACTION_DISPATCH: return "dispatch";
    case ACTION_HANDLE: return "handle";
    case ACTION_RESOLVE: return "resolve";
    case ACTION_CLOSE: return "close";
    case ACTION_REOPEN: return "reopen";
    case ACTION_NOTE: return "note";
    case ACTION_EVALUATE: return "evaluate";
    }
    return "";
}
