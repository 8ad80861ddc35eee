/* SPDX-License-Identifier: Apache-2.0
 * What a back-test found, for people and for programs. */
#ifndef GENGFU_CLI_BACKTEST_SHOW_H
#define GENGFU_CLI_BACKTEST_SHOW_H

#include "cli_int.h"
#include "gengfu/backtest/backtest.h"

struct backtest_view {
    struct cli *c;
    const struct backtest *b;
    const struct ruleset *after; /* the rules that are compared */
    const struct zone *zone;
    double seconds; /* that it took */
};
/* EXIT_FOUND when something differs. */
int backtest_show(const struct backtest_view *v);

#endif
