/* SPDX-License-Identifier: Apache-2.0
 * Private to the rules module: the tables of what rule files may hold, and readers that go by them. */
#ifndef RULES_SHAPE_INT_H
#define RULES_SHAPE_INT_H

#include "gengfu/rules/node.h"
#include "gengfu/rules/shape.h"

/* shape_rule.c */
extern const struct shape rule_shape, incident_shape, due_shape, escalation_shape, chattering_shape, during_shape, step_shape,
    not_step_shape, override_shape, inhibit_shape;
extern const char *const shape_severities[]; /* extreme to minor, then the same in Chinese */
#define SEVERITIES 4
#define MAX_ESCALATIONS 16

/* shape_source.c */
extern const struct shape source_shape, source_event_shape, emit_shape, dedupe_shape, online_shape;
#define MAX_EVENTS 32
#define MAX_PAYLOAD (INT64_C(64) << 20)

/* shape_file.c: a rule file as a whole, and its time intervals */
extern const struct shape rules_file_shape, interval_shape, time_range_shape;
extern const char *const shape_weekdays[], *const shape_months[];
#define MAX_SPECS 64
#define MAX_RANGES 64

/* Reports keys that do not go together; what is missing is told at `at`. */
void shape_relations(struct reader *rd, const struct yaml_node *n, const struct shape *s, struct place at);

#endif
