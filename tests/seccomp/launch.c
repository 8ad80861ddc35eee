/* SPDX-License-Identifier: Apache-2.0
 * Runs a program under the system call filter of our unit, where there is no systemd to do it: the allowed calls come from a file (tests/lib/unit_filter.py reads them out of systemd/gengfu.service), and the
 * unit's rules on memory, address families, namespaces and personality are a second filter.
 *
 * usage: launch kill|eperm FILE COMMAND…      eperm: as the unit does; kill: a call that is not allowed ends the program (SIGSYS), so that a
 * test sees it, but for the names with a ? before them: these are refused as by the unit, and the program knows what to do then */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what, int rc) {
    (void)fprintf(stderr, "launch: %s: %s\n", what, strerror(rc < 0 ? -rc : errno));
    return 126;
}

static int allow(scmp_filter_ctx filter, FILE *names, bool kill) {
    char line[128];

    while (fgets(line, sizeof(line), names) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool foreseen = line[0] == '?';
        int number = seccomp_syscall_resolve_name(line + foreseen);

        if (number == __NR_SCMP_ERROR || number < 0) /* another architecture's, or newer than libseccomp */
            continue;
        if (foreseen && !kill) /* refused like all the others */
            continue;
        int rc = seccomp_rule_add(filter, foreseen ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, number, 0);

        if (rc < 0 && rc != -EEXIST)
            return rc;
    }
    return 0;
}

/* MemoryDenyWriteExecute=, RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6, RestrictNamespaces=, LockPersonality=, RestrictRealtime= */
static int deny(scmp_filter_ctx filter) {
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    int rc = seccomp_rule_add(filter, no, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE));

    if (rc == 0)
        rc = seccomp_rule_add(filter, no, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_INET6));
    for (int family = AF_INET + 1; rc == 0 && family < AF_INET6; family++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
    if (rc == 0)
        rc = seccomp_rule_add(filter, no, SCMP_SYS(unshare), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, no, SCMP_SYS(personality), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, no, SCMP_SYS(sched_setscheduler), 1, SCMP_A1(SCMP_CMP_NE, SCHED_OTHER));
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 4 || (strcmp(argv[1], "kill") != 0 && strcmp(argv[1], "eperm") != 0)) {
        (void)fprintf(stderr, "usage: launch kill|eperm FILE COMMAND…\n");
        return 2;
    }
    FILE *names = fopen(argv[2], "re");
    bool kills = argv[1][0] == 'k';
    scmp_filter_ctx calls = seccomp_init(kills ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    scmp_filter_ctx details = seccomp_init(SCMP_ACT_ALLOW);
    int rc = names == NULL || calls == NULL || details == NULL ? -1 : allow(calls, names, kills);

    if (rc == 0)
        rc = deny(details);
    /* The second one is loaded under the first, which therefore has to let it: seccomp and prctl go with the program's start. */
    if (rc == 0)
        rc = seccomp_load(details);
    if (rc == 0)
        rc = seccomp_load(calls);
    if (rc != 0)
        return fail("filter", rc);
    (void)execvp(argv[3], argv + 3);
    return fail(argv[3], 0);
}
