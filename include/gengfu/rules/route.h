/* SPDX-License-Identifier: Apache-2.0
 * Which platforms an incident goes to. Pure: the configuration, the rule and the incident's document say it all, so that a rule test can ask it too. */
#ifndef GENGFU_RULES_ROUTE_H
#define GENGFU_RULES_ROUTE_H

#include "gengfu/base/arena.h"
#include "gengfu/rules/model.h"

/* Bit i stands for platform i of the configuration. `allowed`: whom the rule forwards to at all. `rule` NULL: nobody knows it any more, so its escalations go
 * one level up each. A body that is no JSON goes to all that are allowed: rather too many than none. */
uint32_t route_incident(const struct config *conf, const struct rule *rule, uint32_t allowed, const char *body, size_t len,
                        struct arena *scratch);

#endif
