/* SPDX-License-Identifier: Apache-2.0
 * Faults on purpose: GENGFU_FAULT is read once into a small table. Leans on nothing. */
#include "gengfu/base/fault.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTS_MAX 16

bool fault_armed;

static struct fault {
    char point[48];
    bool kill, from_on; /* fail+: the Nth pass and all after it */
    uint64_t at, passes;
} faults[FAULTS_MAX];
static size_t nfaults;

/* One "point=action[@N]"; what cannot be read is left out. */
static void add(const char *text, size_t len) {
    const char *eq = memchr(text, '=', len);
    if (!eq || nfaults == FAULTS_MAX || (size_t)(eq - text) >= sizeof faults[0].point)
        return;
    struct fault f = {.at = 1};
    memcpy(f.point, text, (size_t)(eq - text));
    const char *action = eq + 1, *end = text + len;
    const char *at = memchr(action, '@', (size_t)(end - action));
    size_t n = (size_t)((at ? at : end) - action);
    if (n == 4 && memcmp(action, "kill", 4) == 0)
        f.kill = true;
    else if (n == 5 && memcmp(action, "fail+", 5) == 0)
        f.from_on = true;
    else if (n != 4 || memcmp(action, "fail", 4) != 0)
        return;
    if (at) {
        f.at = 0;
        for (const char *p = at + 1; p < end; p++) {
            if (*p < '0' || *p > '9' || f.at > UINT64_MAX / 100)
                return;
            f.at = f.at * 10 + (uint64_t)(*p - '0');
        }
        if (!f.at)
            return;
    }
    faults[nfaults++] = f;
}

void fault_init(void) {
    nfaults = 0;
    fault_armed = false;
    const char *s = getenv("GENGFU_FAULT");
    while (s && *s) {
        size_t len = strcspn(s, ",");
        add(s, len);
        s += len + (s[len] == ',');
    }
    fault_armed = nfaults > 0;
}

bool fault_hit(const char *point) {
    bool fail = false;
    for (size_t i = 0; i < nfaults; i++) {
        struct fault *f = &faults[i];
        if (strcmp(f->point, point) != 0)
            continue;
        f->passes++;
        if (f->passes != f->at && !(f->from_on && f->passes > f->at))
            continue;
        if (f->kill)
            (void)kill(getpid(), SIGKILL);
        fail = true;
    }
    return fail;
}
