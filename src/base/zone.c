/* SPDX-License-Identifier: Apache-2.0
 * Time zones: TZif files (RFC 8536), fixed offsets. Leans on file for the reading and on zone_rule for the far future. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "gengfu/base/time.h"
#include "zone_int.h"

#define ZONE_DIR "/usr/share/zoneinfo"
#define ZONE_FILE_MAX ((size_t)1024 * 1024)
#define ZONE_NAME_MAX 64
#define OFFSET_MAX 93599 /* 25:59:59, RFC 8536 3.2 */

struct zone {
    char name[ZONE_NAME_MAX + 1];
    int64_t *times; /* n moments, rising; offsets[i] holds from times[i] on */
    int32_t *offsets;
    size_t n;
    int before; /* the offset before the first of them */
    bool has_rule;
    struct zone_rule rule; /* holds from the last of them on */
};

static uint32_t be32(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static int64_t be64(const unsigned char *p) { return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4)); }

struct header {
    int version;
    size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

#define HEADER_SIZE ((size_t)44)

static bool header_read(const unsigned char *p, size_t len, struct header *h) {
    if (len < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
        return false;
    h->version = p[4] ? p[4] - '0' : 1;
    h->isutcnt = be32(p + 20);
    h->isstdcnt = be32(p + 24);
    h->leapcnt = be32(p + 28);
    h->timecnt = be32(p + 32);
    h->typecnt = be32(p + 36);
    h->charcnt = be32(p + 40);
    /* No count can be larger than the file; so the sums below cannot overflow. */
    return h->isutcnt <= len && h->isstdcnt <= len && h->leapcnt <= len && h->timecnt <= len && h->typecnt <= len && h->charcnt <= len;
}

static size_t body_size(const struct header *h, size_t time_size) {
    return h->timecnt * time_size + h->timecnt + h->typecnt * 6 + h->charcnt + h->leapcnt * (time_size + 4) + h->isstdcnt + h->isutcnt;
}

/* One block of times, types and offsets; time_size 4 in version 1, 8 in the later ones. */
static int body_read(struct zone *z, const unsigned char *p, const struct header *h, size_t time_size) {
    const unsigned char *index = p + h->timecnt * time_size, *types = index + h->timecnt;
    if (!h->typecnt)
        return GF_ECORRUPT;
    for (size_t i = 0; i < h->typecnt; i++) {
        int32_t offset = (int32_t)be32(types + i * 6);
        if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
            return GF_ECORRUPT;
    }
    z->before = (int32_t)be32(types);
    if (!h->timecnt)
        return 0;
    z->times = malloc(h->timecnt * sizeof *z->times);
    z->offsets = malloc(h->timecnt * sizeof *z->offsets);
    if (!z->times || !z->offsets)
        return GF_ENOMEM;
    for (size_t i = 0; i < h->timecnt; i++) {
        int64_t t = time_size == 8 ? be64(p + i * 8) : (int32_t)be32(p + i * 4);
        if (index[i] >= h->typecnt || (i && t <= z->times[i - 1]))
            return GF_ECORRUPT;
        z->times[i] = t;
        z->offsets[i] = (int32_t)be32(types + (size_t)index[i] * 6);
    }
    z->n = h->timecnt;
    return 0;
}

static int tzif_read(struct zone *z, const unsigned char *p, size_t len) {
    struct header h;
    if (!header_read(p, len, &h) || body_size(&h, 4) > len - HEADER_SIZE)
        return GF_ECORRUPT;
    if (h.version < 2)
        return body_read(z, p + HEADER_SIZE, &h, 4);
    size_t skip = HEADER_SIZE + body_size(&h, 4);
    p += skip;
    len -= skip;
    if (!header_read(p, len, &h) || body_size(&h, 8) > len - HEADER_SIZE)
        return GF_ECORRUPT;
    int rc = body_read(z, p + HEADER_SIZE, &h, 8);
    if (rc)
        return rc;
    skip = HEADER_SIZE + body_size(&h, 8);
    p += skip;
    len -= skip;
    if (len < 2 || p[0] != '\n')
        return GF_ECORRUPT;
    const unsigned char *end = memchr(p + 1, '\n', len - 1);
    if (!end)
        return GF_ECORRUPT;
    if (end > p + 1) { /* it may be empty: then the last offset stays */
        if (zone_rule_parse((const char *)p + 1, (size_t)(end - p - 1), &z->rule))
            return GF_ECORRUPT;
        z->has_rule = true;
    }
    return 0;
}

/* Only names of the IANA form reach the file system: no dots in front, no way out of the directory. */
static bool name_valid(const char *name) {
    size_t len = strlen(name);
    if (!len || len > ZONE_NAME_MAX || name[0] == '/' || name[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' ||
                    (c == '/' && name[i + 1] != '/');
        if (!good)
            return false;
    }
    return true;
}

/* "+08:00", "-0530". */
static bool fixed_parse(const char *name, int *ret) {
    size_t len = strlen(name);
    if ((name[0] != '+' && name[0] != '-') || (len != 6 && len != 5) || (len == 6 && name[3] != ':'))
        return false;
    int d[4];
    for (int i = 0; i < 4; i++) {
        char c = name[1 + i + (len == 6 && i >= 2)];
        if (c < '0' || c > '9')
            return false;
        d[i] = c - '0';
    }
    int h = d[0] * 10 + d[1], m = d[2] * 10 + d[3];
    if (h > 23 || m > 59)
        return false;
    *ret = (name[0] == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

int zone_open(const char *name, struct err *err, struct zone **ret) {
    int fixed = 0;
    bool is_fixed = name && (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0 || fixed_parse(name, &fixed));
    if (!name || (!is_fixed && !name_valid(name)))
        return err_set(err, GF_EINVAL, "'%.80s' is not the name of a time zone: write it like Asia/Shanghai, UTC or +08:00",
                       name ? name : "");
    struct zone *z = calloc(1, sizeof *z);
    if (!z)
        return err_set(err, GF_ENOMEM, "%s", err_text(GF_ENOMEM));
    memcpy(z->name, name, strlen(name) + 1);
    if (is_fixed) {
        z->before = fixed;
        *ret = z;
        return 0;
    }
    struct buf path, text;
    buf_init(&path, 4096);
    buf_init(&text, ZONE_FILE_MAX);
    const char *dir = getenv("TZDIR");
    buf_printf(&path, "%s/%s", dir && *dir ? dir : ZONE_DIR, name);
    struct err why = {0};
    int rc = path.failed ? GF_ENOMEM : file_read(path.data, &text, &why);
    if (rc == GF_ENOTFOUND || rc == GF_EINVAL)
        rc = err_set(err, GF_ENOTFOUND, "no time zone '%s' on this machine (package tzdata has the IANA names, like Asia/Shanghai)", name);
    else if (rc)
        rc = err_set(err, rc, "time zone '%s': %s", name, why.code ? why.text : err_text(rc));
    else if ((rc = tzif_read(z, (const unsigned char *)text.data, text.len)))
        rc = err_set(err, rc, "time zone '%s': %s is %s", name, path.data,
                     rc == GF_ENOMEM ? "too large for memory" : "damaged or not a time zone file");
    buf_done(&path);
    buf_done(&text);
    if (rc) {
        zone_free(z);
        return rc;
    }
    *ret = z;
    return 0;
}

void zone_free(struct zone *z) {
    if (!z)
        return;
    free(z->times);
    free(z->offsets);
    free(z);
}

const char *zone_name(const struct zone *z) { return z ? z->name : "UTC"; }

int zone_offset(const struct zone *z, int64_t utc) {
    if (!z)
        return 0;
    if (z->n && utc < z->times[0])
        return z->before;
    if (z->has_rule && (!z->n || utc >= z->times[z->n - 1]))
        return zone_rule_offset(&z->rule, utc);
    if (!z->n)
        return z->before;
    size_t low = 0, high = z->n; /* times[low] <= utc < times[high] */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (z->times[mid] <= utc)
            low = mid;
        else
            high = mid;
    }
    return z->offsets[low];
}

int64_t zone_to_utc(const struct zone *z, int64_t local) {
    /* An offset is less than 26 hours, so one of the offsets that hold around the local time taken as UTC is the right one. */
    static const int64_t around[] = {-OFFSET_MAX - 1, 0, OFFSET_MAX + 1};
    int64_t best = 0, low = 0, high = 0;
    bool found = false;
    for (size_t i = 0; i < 3; i++) {
        int64_t utc = local - zone_offset(z, local + around[i]);
        if (utc + zone_offset(z, utc) == local && (!found || utc < best)) {
            best = utc;
            found = true;
        }
        low = i == 0 || utc < low ? utc : low;
        high = i == 0 || utc > high ? utc : high;
    }
    if (found)
        return best;
    /* A gap: the clock jumped over this local time, somewhere between the two readings. */
    int before = zone_offset(z, low);
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (zone_offset(z, mid) == before)
            low = mid;
        else
            high = mid;
    }
    return high;
}
