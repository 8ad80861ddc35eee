/* SPDX-License-Identifier: Apache-2.0
 * Values: making them, looking into them, going over them. Lists and maps of JSON and of the host are read where they are. */
#include "cel_int.h"

#include <math.h>

#define JSON_INT_MAX 9007199254740992.0 /* 2^53 */

struct cel_value cel_string(const char *s, size_t len) {
    return (struct cel_value){.type = CEL_STRING, .aux = (uint32_t)len, .s = s ? s : ""};
}
struct cel_value cel_text(const char *s) {
    return cel_string(s, s ? strlen(s) : 0);
}
struct cel_value cel_bytes(const void *data, size_t len) {
    return (struct cel_value){.type = CEL_BYTES, .aux = (uint32_t)len, .s = data ? data : ""};
}
struct cel_value cel_list(const struct cel_value *items, size_t n) {
    return (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .items = items};
}
struct cel_value cel_map(const struct cel_pair *pairs, size_t n) {
    return (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_NATIVE, .aux = (uint32_t)n, .pairs = pairs};
}
struct cel_value cel_type_value(const char *name) {
    return (struct cel_value){.type = CEL_TYPE, .aux = (uint32_t)strlen(name), .s = name};
}
struct cel_value cel_error(enum cel_error code, const char *sentence) {
    return (struct cel_value){.type = CEL_ERROR, .code = (uint16_t)code, .s = sentence};
}

struct cel_value cel_json(const cJSON *j) {
    if (!j)
        return cel_null();
    switch (j->type & 0xff) {
    case cJSON_True: return cel_bool(true);
    case cJSON_False: return cel_bool(false);
    case cJSON_Number: {
        double d = j->valuedouble;
        if (d >= -JSON_INT_MAX && d <= JSON_INT_MAX && d == (double)(int64_t)d)
            return cel_int((int64_t)d);
        return cel_double(d);
    }
    case cJSON_String: return cel_text(j->valuestring);
    case cJSON_Array: return (struct cel_value){.type = CEL_LIST, .form = CEL_FORM_JSON, .json = j};
    case cJSON_Object: return (struct cel_value){.type = CEL_MAP, .form = CEL_FORM_JSON, .json = j};
    default: return cel_null();
    }
}

bool cel_time_make(int64_t seconds, int64_t nanos, struct cel_value *ret) {
    int64_t carry = nanos / 1000000000, rest = nanos % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        carry--;
    }
    if (__builtin_add_overflow(seconds, carry, &seconds) || seconds < CEL_TIME_MIN || seconds > CEL_TIME_MAX)
        return false;
    *ret = (struct cel_value){.type = CEL_TIMESTAMP, .aux = (uint32_t)rest, .i = seconds};
    return true;
}

struct cel_value cel_time_ms(int64_t ms) {
    struct cel_value v;
    int64_t seconds = ms / 1000, rest = ms % 1000;
    return cel_time_make(seconds, rest * 1000000, &v) ? v : cel_error(CEL_E_RANGE, "timestamp out of range: years 1 to 9999");
}
struct cel_value cel_duration_ms(int64_t ms) {
    struct cel_value v;
    return cel_duration_make(ms / 1000, ms % 1000 * 1000000, &v) ? v : cel_error(CEL_E_RANGE, "duration out of range");
}
bool cel_duration_make(int64_t seconds, int64_t nanos, struct cel_value *ret) {
    int64_t rest = nanos % 1000000000, total;
    if (__builtin_add_overflow(seconds, nanos / 1000000000, &seconds))
        return false;
    if (seconds > 0 && rest < 0) {
        seconds--;
        rest += 1000000000;
    } else if (seconds < 0 && rest > 0) {
        seconds++;
        rest -= 1000000000;
    }
    /* Both have the same sign now, so what overflows on the way is too much at the end, too. */
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &total) || __builtin_add_overflow(total, rest, &total))
        return false;
    *ret = (struct cel_value){.type = CEL_DURATION, .aux = (uint32_t)(int32_t)rest, .i = seconds};
    return true;
}

/* -- looking ------------------------------------------------------------------------------------------------------------ */
const char *cel_type_name(struct cel_value v) {
    static const char *const names[] = {"null_type",
                                        "bool",
                                        "int",
                                        "uint",
                                        "double",
                                        "string",
                                        "bytes",
                                        "list",
                                        "map",
                                        "google.protobuf.Timestamp",
                                        "google.protobuf.Duration",
                                        "type",
                                        "optional_type",
                                        "net.IP",
                                        "net.CIDR",
                                        "error"};
    return v.type <= CEL_ERROR ? names[v.type] : "error";
}

bool cel_as_double(struct cel_value v, double *ret) {
    switch (v.type) {
    case CEL_INT: *ret = (double)v.i; return true;
    case CEL_UINT: *ret = (double)v.u; return true;
    case CEL_DOUBLE: *ret = v.d; return true;
    default: return false;
    }
}

bool cel_as_time_ms(struct cel_value v, int64_t *ret) {
    if (v.type != CEL_TIMESTAMP)
        return false;
    *ret = v.i * 1000 + v.aux / 1000000;
    return true;
}

bool cel_as_duration_ms(struct cel_value v, int64_t *ret) {
    if (v.type != CEL_DURATION)
        return false;
    *ret = v.i * 1000 + (int32_t)v.aux / 1000000;
    return true;
}

size_t cel_size(struct cel_value v) {
    switch (v.type) {
    case CEL_STRING: return utf8_count(v.s, v.aux);
    case CEL_BYTES: return v.aux;
    case CEL_LIST:
    case CEL_MAP:
        if (v.form == CEL_FORM_NATIVE)
            return v.aux;
        if (v.form == CEL_FORM_JSON) {
            size_t n = 0;
            for (const cJSON *j = v.json->child; j; j = j->next)
                n++;
            return n;
        } else {
            size_t it = 0, n = 0;
            atom_t field;
            struct cel_value value;
            while (v.record->ops->next(v.record, &it, &field, &value))
                n++;
            return n;
        }
    default: return 0;
    }
}

bool cel_list_at(struct cel_value list, size_t index, struct cel_value *ret) {
    if (list.type != CEL_LIST)
        return false;
    if (list.form == CEL_FORM_NATIVE) {
        if (index >= list.aux)
            return false;
        *ret = list.items[index];
        return true;
    }
    const cJSON *j = list.json->child;
    while (j && index--)
        j = j->next;
    if (!j)
        return false;
    *ret = cel_json(j);
    return true;
}

/* name holds no NUL but may be followed by anything, unless it is empty: then by a NUL. A walk: a sixteenth of a step per member. */
bool cel_json_field(struct ev *e, const cJSON *object, const char *name, size_t len, const cJSON **ret) {
    size_t seen = 0;
    bool found = false;
    for (const cJSON *j = object->child; j && !found; j = j->next, seen++)
        if (j->string && j->string[0] == name[0] && !strncmp(j->string, name, len) && j->string[len] == '\0') {
            *ret = j;
            found = true;
        }
    return cel_take(e, seen / 16) && found;
}

bool cel_map_get(struct cel_value map, const char *key, size_t len, struct cel_value *ret) {
    if (map.type != CEL_MAP)
        return false;
    if (map.form == CEL_FORM_RECORD) {
        atom_t atom = atom_find(key, len);
        return atom && map.record->ops->get(map.record, atom, ret);
    }
    if (map.form == CEL_FORM_JSON) {
        for (const cJSON *j = map.json->child; j; j = j->next)
            if (j->string && strlen(j->string) == len && !memcmp(j->string, key, len)) {
                *ret = cel_json(j);
                return true;
            }
        return false;
    }
    for (uint32_t i = 0; i < map.aux; i++) {
        const struct cel_value *k = &map.pairs[i].key;
        if (k->type == CEL_STRING && k->aux == len && !memcmp(k->s, key, len)) {
            *ret = map.pairs[i].value;
            return true;
        }
    }
    return false;
}

bool cel_key_type(struct cel_value v) { return v.type == CEL_STRING || v.type == CEL_INT || v.type == CEL_UINT || v.type == CEL_BOOL; }

bool cel_find(struct ev *e, struct cel_value map, struct cel_value key, struct cel_value *ret, bool *ret_ok) {
    *ret_ok = cel_key_type(key) || key.type == CEL_DOUBLE;
    if (!*ret_ok)
        return false;
    if (key.type == CEL_STRING) {
        if (e && map.form == CEL_FORM_JSON && !memchr(key.s, '\0', key.aux)) {
            const cJSON *j;
            if (!cel_json_field(e, map.json, key.aux ? key.s : "", key.aux, &j))
                return false;
            *ret = cel_json(j);
            return true;
        }
        if (e && map.form == CEL_FORM_NATIVE && !cel_take(e, map.aux / 16))
            return false;
        return cel_map_get(map, key.s, key.aux, ret);
    }
    if (map.form != CEL_FORM_NATIVE)
        return false;             /* there all keys are strings */
    if (key.type == CEL_DOUBLE) { /* a double finds the integer that it is exactly */
        if (key.d >= -9223372036854775808.0 && key.d < 9223372036854775808.0 && key.d == (double)(int64_t)key.d)
            key = cel_int((int64_t)key.d);
        else if (key.d >= 0 && key.d < 18446744073709551616.0 && key.d == (double)(uint64_t)key.d)
            key = cel_uint((uint64_t)key.d);
        else
            return false;
    }
    if (e && !cel_take(e, map.aux / 16))
        return false;
    for (uint32_t i = 0; i < map.aux; i++)
        if (cel_same(NULL, map.pairs[i].key, key, 0)) {
            *ret = map.pairs[i].value;
            return true;
        }
    return false;
}

/* -- going over --------------------------------------------------------------------------------------------------------- */
bool cel_iter(struct iter *it, struct cel_value over) {
    if (over.type != CEL_LIST && over.type != CEL_MAP)
        return false;
    *it = (struct iter){.over = over, .item = over.form == CEL_FORM_JSON ? over.json->child : NULL};
    return true;
}

bool cel_iter_next(struct iter *it, struct cel_value *key, struct cel_value *value) {
    switch (it->over.form) {
    case CEL_FORM_NATIVE:
        if (it->it >= it->over.aux)
            return false;
        if (it->over.type == CEL_LIST) {
            *key = cel_int((int64_t)it->it);
            *value = it->over.items[it->it++];
        } else {
            *key = it->over.pairs[it->it].key;
            *value = it->over.pairs[it->it++].value;
        }
        return true;
    case CEL_FORM_JSON:
        if (!it->item)
            return false;
        *key = it->over.type == CEL_LIST ? cel_int((int64_t)it->it++) : cel_text(it->item->string);
        *value = cel_json(it->item);
        it->item = it->item->next;
        return true;
    default: {
        atom_t field;
        if (!it->over.record->ops->next(it->over.record, &it->it, &field, value))
            return false;
        *key = cel_string(atom_name(field), atom_length(field));
        return true;
    }
    }
}

bool cel_map_next(struct cel_value map, size_t *it, struct cel_value *ret_key, struct cel_value *ret_value) {
    if (map.type != CEL_MAP)
        return false;
    if (map.form == CEL_FORM_RECORD) {
        atom_t field;
        if (!map.record->ops->next(map.record, it, &field, ret_value))
            return false;
        *ret_key = cel_string(atom_name(field), atom_length(field));
        return true;
    }
    if (map.form == CEL_FORM_NATIVE) {
        if (*it >= map.aux)
            return false;
        *ret_key = map.pairs[*it].key;
        *ret_value = map.pairs[(*it)++].value;
        return true;
    }
    /* The place in a cJSON list is a pointer: it stands in `it`, with 1 for the end. */
    const cJSON *j = *it == 0 ? map.json->child : *it == 1 ? NULL : (const cJSON *)(uintptr_t)*it;
    if (!j)
        return false;
    *ret_key = cel_text(j->string);
    *ret_value = cel_json(j);
    *it = j->next ? (size_t)(uintptr_t)j->next : 1;
    return true;
}

/* -- comparing ---------------------------------------------------------------------------------------------------------- */
static int order_int(int64_t a, int64_t b) { return a < b ? -1 : a > b; }
static int order_uint(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }
static int order_double(double a, double b) { return a < b ? -1 : a > b; }

static int order_int_double(int64_t i, double d) {
    if (d < -9223372036854775808.0)
        return 1;
    if (d > 9223372036854775808.0)
        return -1;
    return order_double((double)i, d);
}
static int order_uint_double(uint64_t u, double d) {
    if (d < 0)
        return 1;
    if (d > 18446744073709551616.0)
        return -1;
    return order_double((double)u, d);
}

int cel_order_number(struct cel_value a, struct cel_value b, bool *ret_nan) {
    *ret_nan = (a.type == CEL_DOUBLE && isnan(a.d)) || (b.type == CEL_DOUBLE && isnan(b.d));
    if (*ret_nan)
        return 1;
    switch (a.type) {
    case CEL_INT:
        if (b.type == CEL_INT)
            return order_int(a.i, b.i);
        if (b.type == CEL_UINT)
            return a.i < 0 ? -1 : order_uint((uint64_t)a.i, b.u);
        return order_int_double(a.i, b.d);
    case CEL_UINT:
        if (b.type == CEL_INT)
            return b.i < 0 ? 1 : order_uint(a.u, (uint64_t)b.i);
        if (b.type == CEL_UINT)
            return order_uint(a.u, b.u);
        return order_uint_double(a.u, b.d);
    default:
        if (b.type == CEL_INT)
            return -order_int_double(b.i, a.d);
        if (b.type == CEL_UINT)
            return -order_uint_double(b.u, a.d);
        return order_double(a.d, b.d);
    }
}

static int order_bytes(struct cel_value a, struct cel_value b) {
    int c = memcmp(a.s, b.s, a.aux < b.aux ? a.aux : b.aux);
    return c ? c : order_uint(a.aux, b.aux);
}

bool cel_order(struct cel_value a, struct cel_value b, int *ret) {
    bool nan;
    if (M(a.type) & M_NUMBER && M(b.type) & M_NUMBER) {
        *ret = cel_order_number(a, b, &nan);
        return !nan;
    }
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case CEL_BOOL: *ret = (int)a.b - (int)b.b; return true;
    case CEL_STRING:
    case CEL_BYTES: *ret = order_bytes(a, b); return true;
    case CEL_TIMESTAMP: *ret = a.i != b.i ? order_int(a.i, b.i) : order_uint(a.aux, b.aux); return true;
    case CEL_DURATION: *ret = a.i != b.i ? order_int(a.i, b.i) : order_int((int32_t)a.aux, (int32_t)b.aux); return true;
    default: return false;
    }
}

static bool same_lists(struct ev *e, struct cel_value a, struct cel_value b, unsigned depth) {
    struct iter ia, ib;
    struct cel_value ka, kb, va, vb;
    if (a.form == CEL_FORM_NATIVE && b.form == CEL_FORM_NATIVE && a.aux != b.aux)
        return false;
    (void)cel_iter(&ia, a);
    (void)cel_iter(&ib, b);
    for (;;) {
        bool more = cel_iter_next(&ia, &ka, &va);
        if (more != cel_iter_next(&ib, &kb, &vb))
            return false;
        if (!more)
            return true;
        if ((e && !cel_take(e, 1)) || !cel_same(e, va, vb, depth + 1))
            return false;
    }
}

static bool same_maps(struct ev *e, struct cel_value a, struct cel_value b, unsigned depth) {
    struct iter it;
    struct cel_value key, va, vb;
    size_t n = cel_size(a);
    bool ok;
    if (n != cel_size(b))
        return false;
    (void)cel_iter(&it, a);
    while (cel_iter_next(&it, &key, &va)) {
        if (e && !cel_take(e, 1 + n / 16)) /* looking a key up is a walk */
            return false;
        if (!cel_find(NULL, b, key, &vb, &ok) || !cel_same(e, va, vb, depth + 1))
            return false;
    }
    return true;
}

bool cel_same(struct ev *e, struct cel_value a, struct cel_value b, unsigned depth) {
    bool nan;
    if (depth > CEL_MAX_VALUE_DEPTH)
        return false;
    if (M(a.type) & M_NUMBER && M(b.type) & M_NUMBER)
        return cel_order_number(a, b, &nan) == 0 && !nan;
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case CEL_NULL: return true;
    case CEL_BOOL: return a.b == b.b;
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE: return a.aux == b.aux && (e == NULL || cel_take_text(e, a.aux)) && !memcmp(a.s, b.s, a.aux);
    case CEL_TIMESTAMP:
    case CEL_DURATION: return a.i == b.i && a.aux == b.aux;
    case CEL_ADDRESS:
    case CEL_NETWORK: return a.aux == b.aux && !memcmp(a.s, b.s, (a.aux & 0xffff) / 8);
    case CEL_LIST: return same_lists(e, a, b, depth);
    case CEL_MAP: return same_maps(e, a, b, depth);
    case CEL_OPTIONAL: return !a.opt || !b.opt ? a.opt == b.opt : cel_same(e, *a.opt, *b.opt, depth + 1);
    default: return false;
    }
}

bool cel_equal(struct cel_value a, struct cel_value b) { return cel_same(NULL, a, b, 0); }

/* -- copying ------------------------------------------------------------------------------------------------------------ */
static struct cel_value copy(struct arena *a, struct cel_value v, unsigned depth, bool *ok) {
    if (depth > CEL_MAX_VALUE_DEPTH)
        *ok = false;
    if (!*ok)
        return cel_null();
    switch (v.type) {
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE: {
        char *s = arena_strndup(a, v.s, v.aux);
        *ok = s != NULL;
        v.s = s;
        return v;
    }
    case CEL_ADDRESS:
    case CEL_NETWORK:
        v.s = arena_dup(a, v.s, 16);
        *ok = v.s != NULL;
        return v;
    case CEL_ERROR:
        if (v.s) {
            v.s = arena_strdup(a, v.s);
            *ok = v.s != NULL;
        }
        return v;
    case CEL_OPTIONAL:
        if (v.opt) {
            struct cel_value *in = arena_alloc(a, sizeof *in);
            *ok = in != NULL;
            if (in)
                *in = copy(a, *v.opt, depth + 1, ok);
            v.opt = in;
        }
        return v;
    case CEL_LIST:
    case CEL_MAP: {
        size_t n = cel_size(v), i = 0;
        struct cel_value *items = NULL;
        struct cel_pair *pairs = NULL;
        struct iter it;
        struct cel_value key, value;
        if (n > UINT32_MAX)
            *ok = false;
        else if (v.type == CEL_LIST)
            *ok = n == 0 || (items = arena_alloc(a, n * sizeof *items)) != NULL;
        else
            *ok = n == 0 || (pairs = arena_alloc(a, n * sizeof *pairs)) != NULL;
        (void)cel_iter(&it, v);
        while (*ok && i < n && cel_iter_next(&it, &key, &value)) {
            if (items)
                items[i] = copy(a, value, depth + 1, ok);
            else {
                pairs[i].key = copy(a, key, depth + 1, ok);
                pairs[i].value = copy(a, value, depth + 1, ok);
            }
            i++;
        }
        return v.type == CEL_LIST ? cel_list(items, i) : cel_map(pairs, i);
    }
    default: return v;
    }
}

struct cel_value cel_copy(struct arena *a, struct cel_value v) {
    bool ok = true;
    struct cel_value c = copy(a, v, 0, &ok);
    return ok ? c : cel_error(CEL_E_MEMORY, "out of memory");
}
