/* SPDX-License-Identifier: Apache-2.0
 * Faults on purpose: the little language of GENGFU_FAULT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gengfu/base/fault.h"

static void set(const char *spec) {
    assert_int_equal(spec ? setenv("GENGFU_FAULT", spec, 1) : unsetenv("GENGFU_FAULT"), 0);
    fault_init();
}

/* Which of the first five passes fail, as digits. */
static int passes(const char *point) {
    int r = 0;
    for (int i = 1; i <= 5; i++)
        if (fault_point(point))
            r = r * 10 + i;
    return r;
}

static void unset(void **state) {
    (void)state;
    set(NULL);
    assert_false(fault_armed);
    assert_int_equal(passes("commit"), 0);
    set("");
    assert_false(fault_armed);
}

static void counted(void **state) {
    (void)state;
    set("commit=fail,write=fail@3,send=fail+@4,open=fail+");
    assert_true(fault_armed);
    assert_int_equal(passes("commit"), 1);
    assert_int_equal(passes("commit"), 0);
    assert_int_equal(passes("write"), 3);
    assert_int_equal(passes("send"), 45);
    assert_int_equal(passes("open"), 12345);
    assert_int_equal(passes("other"), 0);
    assert_int_equal(passes("comm"), 0);
}

static void nonsense_is_left_out(void **state) {
    (void)state;
    set("a=explode,b,=fail,c=fail@,d=fail@0,e=fail@x,,f=fail@99999999999999999999999,g=fail");
    assert_int_equal(passes("a") + passes("b") + passes("c") + passes("d") + passes("e") + passes("f"), 0);
    assert_int_equal(passes("g"), 1);
    set("x=fail,x=fail@2");
    assert_int_equal(passes("x"), 12);
}

static void kills(void **state) {
    (void)state;
    set("commit=kill@2");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)fault_point("commit");
        (void)fault_point("commit");
        _exit(7);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    set(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unset), cmocka_unit_test(counted), cmocka_unit_test(nonsense_is_left_out),
                                       cmocka_unit_test(kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
