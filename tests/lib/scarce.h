/* SPDX-License-Identifier: Apache-2.0
 * Memory that gives out: the Nth allocation from now on fails, once. Included by the one file of a test program that wants it, because it puts a step of its own in front of malloc for the whole program, the
 * libraries that it loads included; under AddressSanitizer the step is in front of its malloc, so that leaks and late uses are seen as well. Under valgrind, which takes malloc away from us, scarce_works() is
 * false, and there is only the one round in which nothing fails. */
#ifndef TESTS_LIB_SCARCE_H
#define TESTS_LIB_SCARCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SCARCE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCARCE_ASAN 1
#endif
#endif
#ifdef SCARCE_ASAN
#define SCARCE_UNDER(f) __interceptor_##f
#else
#define SCARCE_UNDER(f) __libc_##f
#endif

/* Volatile, because the compilers know that malloc touches no variable of anybody's. */
static volatile long scarce_left = -1; /* allocations until one fails; negative: none does */
static volatile bool scarce_hit;       /* it has failed */
static volatile long scarce_live;      /* blocks that are not freed yet */

void *SCARCE_UNDER(malloc)(size_t n);
void *SCARCE_UNDER(calloc)(size_t n, size_t size);
void *SCARCE_UNDER(realloc)(void *p, size_t n);
void SCARCE_UNDER(free)(void *p);

static bool scarce_fails(void) {
    if (scarce_left < 0 || scarce_left-- > 0)
        return false;
    scarce_hit = true;
    return true;
}

void *malloc(size_t n) {
    void *p = scarce_fails() ? NULL : SCARCE_UNDER(malloc)(n);
    scarce_live += p != NULL;
    return p;
}
void *calloc(size_t n, size_t size) {
    void *p = scarce_fails() ? NULL : SCARCE_UNDER(calloc)(n, size);
    scarce_live += p != NULL;
    return p;
}
void *realloc(void *old, size_t n) {
    void *p = scarce_fails() ? NULL : SCARCE_UNDER(realloc)(old, n);
    scarce_live += p && !old;
    return p;
}
void free(void *p) {
    scarce_live -= p != NULL;
    SCARCE_UNDER(free)(p);
}
/* The sanitizer's copy without asking malloc. */
char *strndup(const char *s, size_t n) {
    size_t len = strnlen(s, n);
    char *copy = malloc(len + 1);
    if (copy) {
        memcpy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}
char *strdup(const char *s) { return strndup(s, strlen(s)); }

/* The nth from now on fails, n = 1, 2, …; 0: none. */
static inline void scarce_at(long n) {
    scarce_hit = false;
    scarce_left = n - 1;
}
/* Ends the scarcity. True: an allocation failed, and there may be a further one to try. */
static inline bool scarce_end(void) {
    scarce_left = -1;
    return scarce_hit;
}
static inline bool scarce_works(void) {
    scarce_at(1);
    void *volatile p = malloc(8);
    (void)scarce_end();
    free(p);
    return p == NULL;
}

#endif
