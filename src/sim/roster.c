/* SPDX-License-Identifier: Apache-2.0
 * Who lives there: the devices of a registry (columns device, kind, family, address, door, scene), and made-up ones beside them. Leans on rules for the CSV. */
#include <stdlib.h>
#include <string.h>

#include "gengfu/base/file.h"
#include "gengfu/rules/registry.h"
#include "sim_int.h"

static const struct sim_family *const families[] = {
    &family_z2m_lock,
    &family_z2m_contact,
    &family_z2m_smoke,
    &family_z2m_sos,
    &family_frigate,
    &family_frigate_nvr,
    &family_dahua,
    &family_dahua_nvr,
    &family_tasmota_lamp,
    &family_tasmota_meter,
    &family_shelly,
    &family_chirpstack_lamp,
    &family_chirpstack_nas,
    &family_chirpstack_card,
    &family_chirpstack_smoke,
    &family_plate_barrier,
    &family_lift,
    &family_parking,
    &family_face,
};
#define NFAMILIES (sizeof(families) / sizeof(families[0]))

static const struct sim_family *find_family(const char *name, const char *kind) {
    for (size_t i = 0; i < NFAMILIES; i++) {
        if (strcmp(families[i]->name, name) == 0 && (!families[i]->kind || strcmp(families[i]->kind, kind) == 0))
            return families[i];
    }
    return NULL;
}

/* What may stand in a topic and between JSON's quotes without another thought. */
static bool plain(const char *id) {
    for (const unsigned char *p = (const unsigned char *)id; *p; p++) {
        if (*p < 0x21 || *p == 0x7f || strchr("\"\\+#/$", *p))
            return false;
    }
    return id[0] && strlen(id) < SIM_ID_MAX;
}

static void settle(struct sim *s, struct sim_device *d) {
    d->random = sim_random(&s->random) ^ hash_bytes(d->id, strlen(d->id), s->conf->seed);
    d->battery = sim_between(d, 62, 99);
    d->value = sim_real(d, 17.2, 18.9);
    d->total = sim_real(d, 20, 400);
    d->frame = (uint32_t)sim_between(d, 100, 9000);
    d->number = sim_between(d, 1, 12);
    d->light = true;
    d->no_clock = (s->conf->faults & SIM_FAULT_CLOCK) && sim_chance(d, 5);
}

static int add_device(struct sim *s, const struct sim_family *f, const char *id, const char *address, struct err *err) {
    struct sim_device *d = &s->devices[s->ndevices];

    d->family = f;
    (void)snprintf(d->id, sizeof(d->id), "%s", id);
    (void)snprintf(d->address, sizeof(d->address), "%s", address[0] ? address : id);
    settle(s, d);
    if (map_puts(&s->by_id, d->id, d) < 0)
        return err_set(err, GF_ENOMEM, "out of memory");
    s->ndevices++;
    return 0;
}

static int add_registered(struct sim *s, const struct registry *r, struct err *err) {
    for (size_t i = 0; i < registry_count(r); i++) {
        const struct device *row = registry_at(r, i);
        const char *name = device_text(row, "family"), *address = device_text(row, "address");
        const struct sim_family *f = find_family(name, atom_name(row->kind));

        if (!f)
            continue; /* a device of a kind that is not simulated */
        if (!plain(row->id) || (address[0] && !plain(address)))
            return err_set(err, GF_EINVAL, "%s: the id or address of device '%.40s' cannot stand in a topic", s->conf->registry, row->id);
        struct sim_device *d = &s->devices[s->ndevices];
        int rc = add_device(s, f, row->id, address, err);

        if (rc < 0)
            return rc;
        (void)snprintf(d->door, sizeof(d->door), "%s", device_text(row, "door"));
        (void)snprintf(d->scene, sizeof(d->scene), "%s", device_text(row, "scene"));
        double capacity;

        if (device_number(row, "capacity", &capacity))
            d->number = (int)capacity;
    }
    return 0;
}

/* A lock and the contact of the same door live together: nobody opens a door that is locked. */
static void pair_doors(struct sim *s) {
    for (size_t i = 0; i < s->ndevices; i++) {
        struct sim_device *lock = &s->devices[i];

        if (lock->family != &family_z2m_lock || !lock->door[0])
            continue;
        for (size_t j = 0; j < s->ndevices; j++) {
            if (s->devices[j].family == &family_z2m_contact && strcmp(s->devices[j].door, lock->door) == 0)
                lock->partner = &s->devices[j];
        }
    }
}

static int make_up(struct sim *s, size_t total, struct err *err) {
    int serial[NFAMILIES] = {0};

    for (size_t i = 0; s->ndevices < total; i++) {
        const struct sim_family *f = families[i % NFAMILIES];
        char id[SIM_ID_MAX];

        if (!f->made_up)
            continue;
        (void)snprintf(id, sizeof(id), "%s%05d", f->made_up, ++serial[i % NFAMILIES]);
        if (sim_find(s, id))
            continue;
        int rc = add_device(s, f, id, "", err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_registry(struct sim *s, struct registry **ret, struct err *err) {
    struct buf text;
    struct report *rep = NULL;
    int rc;

    buf_init(&text, 16 << 20);
    rc = file_read(s->conf->registry, &text, err);
    if (rc == 0 && report_new(&rep) < 0)
        rc = err_set(err, GF_ENOMEM, "out of memory");
    if (rc == 0) {
        rc = registry_load(rep, s->conf->registry, text.data, text.len, ret);
        if (rc < 0)
            (void)err_set(err, rc, "%s", err_text(rc));
        else if (report_errors(rep) > 0)
            rc = err_set(err, GF_EINVAL, "%s", report_first(rep));
    }
    report_free(rep);
    buf_done(&text);
    return rc;
}

int sim_roster(struct sim *s, struct err *err) {
    struct registry *r = NULL;
    int rc = s->conf->registry ? read_registry(s, &r, err) : 0;
    size_t registered = r ? registry_count(r) : 0;
    size_t total = s->conf->devices > 0 ? (size_t)s->conf->devices : r ? 0 : 300;

    if (rc == 0 && registered > SIM_MAX_DEVICES)
        rc = err_set(err, GF_ELIMIT, "%s: %zu devices, and at most %d can be simulated", s->conf->registry, registered, SIM_MAX_DEVICES);
    if (rc == 0) {
        s->devices = calloc((registered > total ? registered : total) + 1, sizeof(*s->devices));
        if (!s->devices)
            rc = err_set(err, GF_ENOMEM, "out of memory");
    }
    if (rc == 0 && r)
        rc = add_registered(s, r, err);
    if (rc == 0 && r && s->ndevices == 0)
        rc =
            err_set(err, GF_EINVAL, "%s: no device has a family that can be simulated (columns 'family' and 'address')", s->conf->registry);
    if (rc == 0)
        rc = make_up(s, total, err);
    registry_free(r);
    if (rc < 0)
        return rc;
    pair_doors(s);
    /* They come up within the first minute, one after the other. */
    for (size_t i = 0; i < s->ndevices; i++)
        sim_arm(s, &s->devices[i].node, s->conf->start + sim_between(&s->devices[i], 0, 60000));
    return s->rc;
}

struct sim_device *sim_find(const struct sim *s, const char *id) {
    return map_gets(&s->by_id, id);
}
