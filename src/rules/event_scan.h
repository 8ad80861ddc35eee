/* SPDX-License-Identifier: Apache-2.0
 * The quick way to read an event of the journal. */
#ifndef GENGFU_RULES_EVENT_SCAN_H
#define GENGFU_RULES_EVENT_SCAN_H

#include "gengfu/rules/event.h"

/* Reads what event_write writes for nearly every event: members in its order, no blanks, strings without escapes, fields that are plain values. True: *ret is what event_read would give. False: not
 * such a text (or no memory), *ret is untouched, and whether it is an event at all is for event_read to say. */
bool event_scan(struct arena *a, const char *text, size_t len, struct event *ret);

#endif
