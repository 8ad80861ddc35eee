/* SPDX-License-Identifier: Apache-2.0
 * Addresses of the net and networks (the standard's network extension): ip('10.1.2.3'), cidr('10.1.0.0/16'). Within an expression they are values of
 * their own; what an expression gives to the outside is their text (cel_eval), so that nothing else has to know them. */
#include "cel_int.h"

#include <stdio.h>

/* Both keep their bytes in s, as they go over the wire. aux: 32 or 128 bits; of a network also the length of its prefix. */
#define BITS(v) ((v).aux & 0xffffu)
#define BYTES(v) (BITS(v) / 8)
#define PREFIX(v) ((v).aux >> 16)
#define NO_GAP SIZE_MAX
static const uint8_t *bytes_of(struct cel_value v) { return (const uint8_t *)v.s; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static int hex(char c) { return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* Decimal without zeros in front, up to max: how many characters; 0: none. */
static size_t read_number(const char *s, size_t len, unsigned max, unsigned *ret) {
    size_t n = 0;
    unsigned v = 0;
    while (n < len && n < 4 && is_digit(s[n]))
        v = v * 10 + (unsigned)(s[n++] - '0');
    *ret = v;
    return v > max || (n > 1 && s[0] == '0') ? 0 : n;
}

static bool read_v4(const char *s, size_t len, uint8_t *out) {
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        unsigned v;
        size_t n = read_number(s + at, len - at, 255, &v);
        if (!n || (i < 3 && (at + n >= len || s[at + n] != '.')))
            return false;
        out[i] = (uint8_t)v;
        at += n + (i < 3);
    }
    return at == len;
}

/* Groups of four digits; once "::" for as many zeros as are missing; the last two groups may be written as an IPv4 address. */
static bool read_v6(const char *s, size_t len, uint8_t out[16]) {
    uint8_t b[16] = {0};
    size_t at = 0, n = 0, gap = NO_GAP; /* n: bytes read; gap: how many stand before the "::" */
    if (len >= 2 && s[0] == ':' && s[1] == ':')
        gap = 0, at = 2;
    while (at < len || (gap == NO_GAP && n < 16)) {
        unsigned v = 0;
        size_t from = at;
        while (at < len && at - from < 4 && hex(s[at]) >= 0)
            v = v << 4 | (unsigned)hex(s[at++]);
        if (at < len && s[at] == '.') {
            if (n > 12 || !read_v4(s + from, len - from, b + n))
                return false;
            n += 4;
            break;
        }
        if (at == from || n > 14)
            return false;
        b[n++] = (uint8_t)(v >> 8);
        b[n++] = (uint8_t)v;
        if (at == len)
            break;
        if (s[at++] != ':')
            return false;
        if (at < len && s[at] == ':') {
            if (gap != NO_GAP)
                return false;
            gap = n;
            at++;
        } else if (at == len)
            return false;
    }
    if (gap == NO_GAP ? n != 16 : n > 14)
        return false;
    memset(out, 0, 16);
    if (gap == NO_GAP)
        gap = n;
    memcpy(out, b, gap);
    memcpy(out + 16 - (n - gap), b + gap, n - gap);
    return true;
}

/* The bits of an address; 0: it is none. An IPv4 address in the clothes of IPv6 (::ffff:a01:203) is that address; with points it is refused, as by
 * the standard. */
static unsigned read_address(const char *s, size_t len, uint8_t out[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (len > 45)
        return 0;
    if (read_v4(s, len, out))
        return 32;
    if (!read_v6(s, len, out))
        return 0;
    if (memcmp(out, mapped, sizeof mapped))
        return 128;
    memmove(out, out + sizeof mapped, 4);
    return memchr(s, '.', len) ? 0 : 32;
}

/* The same of a network, with its prefix in the upper half. */
static uint32_t read_network(const char *s, size_t len, uint8_t out[16]) {
    const char *slash = memchr(s, '/', len);
    unsigned prefix;
    size_t at = slash ? (size_t)(slash - s) : 0;
    uint32_t bits = slash ? read_address(s, at, out) : 0;
    bool mapped = bits == 32 && memchr(s, ':', at);
    if (!bits || mapped || read_number(slash + 1, len - at - 1, bits, &prefix) != len - at - 1 || at + 1 == len)
        return 0;
    return bits | prefix << 16;
}

static size_t write_v6(const uint8_t *b, char *out, size_t size) {
    size_t at = 0;
    int best = -1, most = 1; /* the first of the longest runs of zeros, when there are two or more */
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && !b[2 * (i + n)] && !b[2 * (i + n) + 1])
            n++;
        if (n > most) {
            best = i;
            most = n;
        }
        i += n;
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            at += (size_t)snprintf(out + at, size - at, "::");
            i += most - 1;
            continue;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%x", i && i != best + most ? ":" : "", b[2 * i] << 8 | b[2 * i + 1]);
    }
    return at;
}

size_t cel_net_text(struct cel_value v, char out[CEL_NET_TEXT]) {
    const uint8_t *b = bytes_of(v);
    size_t n = BITS(v) == 32 ? (size_t)snprintf(out, CEL_NET_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]) : write_v6(b, out, CEL_NET_TEXT);
    return n + (v.type == CEL_NETWORK ? (size_t)snprintf(out + n, CEL_NET_TEXT - n, "/%u", PREFIX(v)) : 0);
}

/* -- functions ---------------------------------------------------------------------------------------------------------- */
static struct cel_value made(const struct call *c, enum cel_type type, uint32_t aux, const uint8_t *b) {
    char *s = cel_alloc(c->ev, 16);
    if (!s)
        return cel_no_memory();
    memset(s, 0, 16);
    memcpy(s, b, (aux & 0xffff) / 8);
    return (struct cel_value){.type = (uint8_t)type, .aux = aux, .s = s};
}

static struct cel_value unreadable(const struct call *c, struct cel_value v, bool network) {
    return cel_fail(c->ev, c->node, CEL_E_VALUE, "'%.*s' cannot be read as %s", (int)(v.aux > 64 ? 64 : v.aux), v.s,
                    network ? "a network (10.1.0.0/16, 2001:db8::/32)" : "an address (10.1.2.3, 2001:db8::1)");
}

static struct cel_value fn_ip(const struct call *c) {
    uint8_t b[16];
    unsigned bits = read_address(c->argv[0].s, c->argv[0].aux, b);
    return bits ? made(c, CEL_ADDRESS, bits, b) : unreadable(c, c->argv[0], false);
}
static struct cel_value fn_cidr(const struct call *c) {
    uint8_t b[16];
    uint32_t aux = read_network(c->argv[0].s, c->argv[0].aux, b);
    return aux ? made(c, CEL_NETWORK, aux, b) : unreadable(c, c->argv[0], true);
}
static struct cel_value fn_is_ip(const struct call *c) {
    uint8_t b[16];
    return cel_bool(read_address(c->argv[0].s, c->argv[0].aux, b) != 0);
}
static struct cel_value fn_is_cidr(const struct call *c) {
    uint8_t b[16];
    return cel_bool(read_network(c->argv[0].s, c->argv[0].aux, b) != 0);
}
static struct cel_value fn_is_canonical(const struct call *c) {
    struct cel_value v = fn_ip(c);
    char text[CEL_NET_TEXT];
    if (v.type != CEL_ADDRESS)
        return v;
    size_t n = cel_net_text(v, text);
    return cel_bool(n == c->argv[0].aux && !memcmp(text, c->argv[0].s, n));
}

static struct cel_value fn_family(const struct call *c) { return cel_int(BITS(c->argv[0]) == 32 ? 4 : 6); }

static bool begins(const uint8_t *b, uint8_t first, uint8_t second, uint8_t second_mask) {
    return b[0] == first && (b[1] & second_mask) == second;
}
static bool unspecified(struct cel_value v) {
    static const uint8_t zeros[16];
    return !memcmp(v.s, zeros, BYTES(v));
}
static bool loopback(struct cel_value v) {
    static const uint8_t one[16] = {[15] = 1};
    return BITS(v) == 32 ? bytes_of(v)[0] == 127 : !memcmp(v.s, one, 16);
}
static bool link_local(struct cel_value v) {
    return BITS(v) == 32 ? begins(bytes_of(v), 169, 254, 0xff) : begins(bytes_of(v), 0xfe, 0x80, 0xc0);
}
static bool multicast(struct cel_value v) { return BITS(v) == 32 ? (bytes_of(v)[0] & 0xf0) == 224 : bytes_of(v)[0] == 0xff; }
static bool broadcast(struct cel_value v) { return BITS(v) == 32 && !memcmp(v.s, "\xff\xff\xff\xff", 4); }

static struct cel_value fn_unspecified(const struct call *c) { return cel_bool(unspecified(c->argv[0])); }
static struct cel_value fn_loopback(const struct call *c) { return cel_bool(loopback(c->argv[0])); }
static struct cel_value fn_link_local(const struct call *c) { return cel_bool(link_local(c->argv[0])); }
static struct cel_value fn_link_multicast(const struct call *c) {
    struct cel_value v = c->argv[0];
    const uint8_t *b = bytes_of(v);
    return cel_bool(BITS(v) == 32 ? begins(b, 224, 0, 0xff) && b[2] == 0 : begins(b, 0xff, 0x02, 0x0f));
}
static struct cel_value fn_global(const struct call *c) {
    struct cel_value v = c->argv[0];
    return cel_bool(!unspecified(v) && !loopback(v) && !link_local(v) && !multicast(v) && !broadcast(v));
}

/* Whether the first `bits` bits are the same. */
static bool same_start(const uint8_t *a, const uint8_t *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return !memcmp(a, b, whole) && (!rest || !((a[whole] ^ b[whole]) >> (8 - rest)));
}

/* The other one, as it is or as text; false: *ret is an error. */
static bool other(const struct call *c, bool network, struct cel_value *ret) {
    struct call sub = *c;
    sub.argv = c->argv + 1;
    sub.argc = 1;
    *ret = c->argv[1].type != CEL_STRING ? c->argv[1] : network ? fn_cidr(&sub) : fn_ip(&sub);
    return ret->type != CEL_ERROR;
}
static struct cel_value contains(const struct call *c, bool network) {
    struct cel_value net = c->argv[0], o;
    if (!other(c, network, &o))
        return o;
    return cel_bool(BITS(net) == BITS(o) && (!network || PREFIX(net) <= PREFIX(o)) && same_start(bytes_of(net), bytes_of(o), PREFIX(net)));
}
static struct cel_value fn_contains_ip(const struct call *c) { return contains(c, false); }
static struct cel_value fn_contains_cidr(const struct call *c) { return contains(c, true); }

static struct cel_value fn_ip_of(const struct call *c) { return made(c, CEL_ADDRESS, BITS(c->argv[0]), bytes_of(c->argv[0])); }
static struct cel_value fn_masked(const struct call *c) {
    struct cel_value v = c->argv[0];
    uint8_t b[16];
    memcpy(b, v.s, BYTES(v));
    for (unsigned i = PREFIX(v); i < BITS(v); i++)
        b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    return made(c, CEL_NETWORK, v.aux, b);
}
static struct cel_value fn_prefix(const struct call *c) { return cel_int(PREFIX(c->argv[0])); }

const struct cel_fn cel_fns_net[] = {
    {"ip(string) -> address", fn_ip, "an address, IPv4 or IPv6", "ip('10.1.2.3') == ip('10.1.2.30') => false"},
    {"isIP(string) -> bool", fn_is_ip, "whether the text is an address", "isIP('10.1.2.300') => false"},
    {"ip.isCanonical(string) -> bool", fn_is_canonical, "whether an address is written the shortest way",
     "ip.isCanonical('2001:0db8::1') => false"},
    {"cidr(string) -> network", fn_cidr, "a network", "cidr('10.1.0.0/16') == cidr('10.1.0.0/15') => false"},
    {"isCIDR(string) -> bool", fn_is_cidr, "whether the text is a network", "isCIDR('10.1.0.0/16') => true"},
    {"address.family() -> int", fn_family, "4 or 6", "ip('2001:db8::5').family() => 6"},
    {"address.isUnspecified() -> bool", fn_unspecified, "whether it is 0.0.0.0 or ::", "ip('0.0.0.0').isUnspecified() => true"},
    {"address.isLoopback() -> bool", fn_loopback, "whether it is this machine itself", "ip('127.0.1.1').isLoopback() => true"},
    {"address.isLinkLocalUnicast() -> bool", fn_link_local, "whether it was made up for want of a better one: 169.254.0.0/16, fe80::/10",
     "ip('169.254.7.9').isLinkLocalUnicast() => true"},
    {"address.isLinkLocalMulticast() -> bool", fn_link_multicast, "whether it means many on the same cable: 224.0.0.0/24, ff02::/16",
     "ip('224.0.0.251').isLinkLocalMulticast() => true"},
    {"address.isGlobalUnicast() -> bool", fn_global, "whether it is none of these, nor for many; private ones count",
     "ip('192.168.1.64').isGlobalUnicast() => true"},
    {"network.containsIP(address|string) -> bool", fn_contains_ip, "whether the address lies in the network",
     "cidr('10.1.0.0/16').containsIP('10.1.2.3') => true"},
    {"network.containsCIDR(network|string) -> bool", fn_contains_cidr, "whether the whole other network lies in it",
     "cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8') => false"},
    {"network.ip() -> address", fn_ip_of, "its address, as it was written", "string(cidr('10.1.2.3/16').ip()) => '10.1.2.3'"},
    {"network.masked() -> network", fn_masked, "with zeros behind the prefix", "string(cidr('10.1.2.3/16').masked()) => '10.1.0.0/16'"},
    {"network.prefixLength() -> int", fn_prefix, "how many bits its addresses have in common", "cidr('10.1.0.0/16').prefixLength() => 16"},
    {NULL, NULL, NULL, NULL},
};
