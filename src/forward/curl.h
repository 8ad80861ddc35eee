/* SPDX-License-Identifier: Apache-2.0
 * libcurl, loaded when the first HTTPS platform is opened: it and the forty libraries that it brings along cost more memory than everything else here together, and most gateways speak MQTT
 * only. After curl_load every name below means what libcurl's manual says; before it, none may be used. */
#ifndef GENGFU_FORWARD_CURL_H
#define GENGFU_FORWARD_CURL_H

#define CURL_DISABLE_TYPECHECK /* its macros name the functions themselves; curl_easy_setopt below checks instead */
#include <curl/curl.h>

#include "gengfu/base/err.h"

/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(easy_cleanup) X(easy_escape) X(easy_getinfo) X(easy_init) X(easy_reset) X(easy_setopt) X(easy_strerror) \
    X(free) X(getdate) X(global_cleanup) X(global_init) \
    X(multi_add_handle) X(multi_assign) X(multi_cleanup) X(multi_info_read) X(multi_init) X(multi_remove_handle) X(multi_setopt) X(multi_socket_action) \
    X(slist_append) X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set) X(version)
/* clang-format on */

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
struct curl_api {
#define X(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(X)
#undef X
};
extern struct curl_api curl_api;

/* 0 also when it is loaded already; it stays until the process ends. GF_EUNAVAIL: it is not installed, or lacks a function. */
GF_WARN_UNUSED int curl_load(struct err *err);

/* The argument's type must be the option's: a number that is no long, or an offset that is none, would be read wrongly. */
#define CURL_IS(type, value) __builtin_types_compatible_p(__typeof__(value), type)
#define CURL_FITS(option, value) \
    ((option) < CURLOPTTYPE_OBJECTPOINT ? CURL_IS(long, value) \
     : (option) >= CURLOPTTYPE_OFF_T && (option) < CURLOPTTYPE_BLOB \
         ? CURL_IS(curl_off_t, value) \
         : !CURL_IS(long, value) && !CURL_IS(int, value) && !CURL_IS(curl_off_t, value))
#define curl_easy_setopt(easy, option, value) \
    __extension__({ \
        _Static_assert(__builtin_choose_expr(__builtin_constant_p(option), CURL_FITS(option, value), 1), \
                       "the value has not the option's type"); \
        curl_api.easy_setopt(easy, option, value); \
    })
#define curl_easy_cleanup curl_api.easy_cleanup
#define curl_easy_escape curl_api.easy_escape
#define curl_easy_getinfo curl_api.easy_getinfo
#define curl_easy_init curl_api.easy_init
#define curl_easy_reset curl_api.easy_reset
#define curl_easy_strerror curl_api.easy_strerror
#define curl_free curl_api.free
#define curl_getdate curl_api.getdate
#define curl_global_cleanup curl_api.global_cleanup
#define curl_global_init curl_api.global_init
#define curl_multi_add_handle curl_api.multi_add_handle
#define curl_multi_assign curl_api.multi_assign
#define curl_multi_cleanup curl_api.multi_cleanup
#define curl_multi_info_read curl_api.multi_info_read
#define curl_multi_init curl_api.multi_init
#define curl_multi_remove_handle curl_api.multi_remove_handle
#define curl_multi_setopt curl_api.multi_setopt
#define curl_multi_socket_action curl_api.multi_socket_action
#define curl_slist_append curl_api.slist_append
#define curl_slist_free_all curl_api.slist_free_all
#define curl_url curl_api.url
#define curl_url_cleanup curl_api.url_cleanup
#define curl_url_get curl_api.url_get
#define curl_url_set curl_api.url_set
#define curl_version curl_api.version

#endif
