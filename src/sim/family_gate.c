/* SPDX-License-Identifier: Apache-2.0
 * The gate: plate cameras with a barrier (VZenith), car parks that count, face terminals. Habits of the first: the serial number in the topic, the plate in
 * base64, one car read two or three times, a state in numbers on every movement; a keep-alive is the only sign that it is there. */
#include <string.h>

#include "gengfu/base/text.h"
#include "sim_int.h"

/* ---- plate cameras: count is the gate's status (0 closed, 1 open, 2 moving) ------------------------------------------------------------ */

#define CAR_EVERY 6 /* of so many keep-alives one brings a car */

static void gate_status(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "device/%s/message/up/barr_gate_status", d->address);

    sim_send(s, topic,
             "{\"sn\":\"%s\",\"name\":\"barr_gate_status\",\"timestamp\":%lld,\"payload\":{\"body\":{\"gate_ctrl_id\":0,\"gate_status\":%d,"
             "\"connect_status\":1,\"enable\":1}}}",
             d->address, (long long)(sim_stamp(s, d) / 1000), d->count);
}

static void recognise(struct sim *s, struct sim_device *d) {
    struct buf plate;
    struct civil c;
    int64_t at = sim_stamp(s, d);
    SIM_TOPIC(topic, "device/%s/message/up/ivs_result", d->address);

    civil_from(at / 1000 + s->conf->offset, &c);
    buf_init(&plate, 256);
    base64_encode(&plate, d->text, strlen(d->text));
    sim_send(
        s, topic,
        "{\"id\":\"%016llx\",\"bv\":12400,\"sn\":\"%s\",\"name\":\"ivs_result\",\"version\":\"1.0\",\"timestamp\":%lld,\"payload\":{\"AlarmInfoPlate\":{"
        "\"channel\":0,\"deviceName\":\"%s\",\"ipaddr\":\"10.20.3.%d\",\"result\":{\"PlateResult\":{\"bright\":0,\"carBright\":0,\"carColor\":255,"
        "\"car_location\":{\"RECT\":{\"bottom\":612,\"left\":701,\"right\":1160,\"top\":331}},\"colorType\":1,\"colorValue\":0,\"confidence\":%d,"
        "\"direction\":0,\"gioouts\":[],\"imagePath\":\"\",\"is_fake_plate\":0,\"isoffline\":0,\"license\":\"%s\",\"license_ext_type\":0,"
        "\"plate_distance\":0,\"plate_true_width\":0,\"plateid\":%u,\"plates\":[],\"timeStamp\":{\"Timeval\":{\"decday\":%d,\"dechour\":%d,"
        "\"decmin\":%d,\"decmon\":%d,\"decsec\":%d,\"decyear\":%d,\"sec\":%lld,\"usec\":%d}},\"timeUsed\":3214,\"triggerType\":4,\"type\":1}},"
        "\"serialno\":\"%s\",\"user_data\":\"\"}}}",
        (unsigned long long)sim_random(&d->random), d->address, (long long)(at / 1000), d->id, 10 + d->number, sim_between(d, 91, 100),
        plate.data, d->frame, c.day, c.hour, c.minute, c.month, c.second, c.year, (long long)(at / 1000), (int)(at % 1000) * 1000,
        d->address);
    buf_done(&plate);
}

static void barrier_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    switch (verb) {
    case VERB_CAR: {
        static const char digits[] = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        char tail[6];

        for (int i = 0; i < 5; i++)
            tail[i] = digits[sim_between(d, 0, (int)sizeof(digits) - 2)];
        tail[5] = 0;
        (void)snprintf(d->text, sizeof(d->text), "浙%c%s", "ABCF"[sim_between(d, 0, 3)], tail);
        d->frame++;
        SIM_TOPIC(loop, "device/%s/message/up/gpio_in", d->address);

        sim_send(
            s, loop,
            "{\"sn\":\"%s\",\"name\":\"gpio_in\",\"timestamp\":%lld,\"payload\":{\"body\":{\"AlarmGioIn\":{\"deviceName\":\"%s\",\"ipaddr\":\"10.20.3.%d\","
            "\"result\":{\"TriggerResult\":{\"source\":0,\"value\":1}}}}}}",
            d->address, (long long)(sim_stamp(s, d) / 1000), d->id, 10 + d->number);
        recognise(s, d);
        sim_later(s, d, 1 * TIME_SECOND, VERB_GATE, 2);
        sim_later(s, d, 2 * TIME_SECOND, VERB_AGAIN, 0);
        sim_later(s, d, 3 * TIME_SECOND, VERB_GATE, 1);
        if (sim_chance(d, 50))
            sim_later(s, d, 6 * TIME_SECOND, VERB_AGAIN, 0);
        sim_later(s, d, 14 * TIME_SECOND, VERB_GATE, 2);
        sim_later(s, d, 16 * TIME_SECOND, VERB_GATE, 0);
        break;
    }
    case VERB_AGAIN: recognise(s, d); break;
    case VERB_GATE:
        d->count = (int)value;
        gate_status(s, d);
        break;
    case VERB_ONLINE: d->offline = value <= 0; break;
    default: break;
    }
}

static void barrier_tick(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "device/%s/message/up/keep_alive", d->address);

    if (d->offline)
        return;
    sim_send(s, topic, "{\"sn\":\"%s\",\"name\":\"keep_alive\",\"timestamp\":%lld}", d->address, (long long)(sim_stamp(s, d) / 1000));
    d->label++;
    if (d->label % 2 == 0)
        gate_status(s, d);
    if (!d->scripted && d->count == 0 && d->label > 2 && sim_between(d, 1, CAR_EVERY) == 1)
        sim_later(s, d, sim_between(d, 1, 10) * TIME_SECOND, VERB_CAR, 0);
}

const struct sim_family family_plate_barrier = {
    .name = "plate-barrier", .made_up = "e5c1ffff-4a7", .period = 30 * TIME_SECOND, .tick = barrier_tick, .act = barrier_act};

/* ---- car parks: number is the capacity, count the cars ---------------------------------------------------------------------------------- */

static void parking_tick(struct sim *s, struct sim_device *d) {
    SIM_TOPIC(topic, "parking/%s/count", d->id);

    if (!d->busy) { /* the first time: half full */
        d->busy = true;
        if (d->number < 20)
            d->number = 180;
        d->count = d->number * 55 / 100;
    } else if (!d->scripted) {
        d->count += sim_between(d, -2, 2);
        if (d->count > d->number * 70 / 100)
            d->count = d->number * 70 / 100;
        if (d->count < 0)
            d->count = 0;
    }
    sim_send(s, topic, "{\"lot\":\"%s\",\"total\":%d,\"used\":%d,\"ts\":%lld}", d->id, d->number, d->count,
             (long long)(sim_stamp(s, d) / 1000));
}

static void parking_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    if (verb != VERB_COUNT)
        return;
    d->busy = true;
    d->count = (int)value;
    if (d->said_hello)
        sim_tick(s, d);
}

const struct sim_family family_parking = {
    .name = "parking", .made_up = "park-x", .period = 1 * TIME_MINUTE, .tick = parking_tick, .act = parking_act};

/* ---- face terminals --------------------------------------------------------------------------------------------------------------------- */

static void face_text(const struct sim *s, const struct sim_device *d, char out[TIME_TEXT_MAX]) {
    (void)sim_local(s, d, out);
    out[10] = ' ';
}

static void face_act(struct sim *s, struct sim_device *d, enum sim_verb verb, double value) {
    char stamp[TIME_TEXT_MAX];
    SIM_TOPIC(topic, "mqtt/face/%s/Rec", d->address);

    (void)value;
    if (verb != VERB_FACE)
        return;
    face_text(s, d, stamp);
    sim_send(
        s, topic,
        "{\"operator\":\"RecPush\",\"info\":{\"facesluiceId\":\"%s\",\"RecordID\":\"%u\",\"VerifyStatus\":\"1\",\"PersonType\":\"0\",\"persionName\":\"住户%d\","
        "\"similarity1\":\"%.6f\",\"Sendintime\":1,\"direction\":\"entr\",\"time\":\"%s\",\"pic\":\"data:image/jpeg;base64,/9j/4AAQSkZJRgABAQEASABIAAD/2Q==\"}}",
        d->address, ++d->frame, sim_between(d, 1, 400), sim_real(d, 84, 97), stamp);
}

static void face_tick(struct sim *s, struct sim_device *d) {
    char stamp[TIME_TEXT_MAX];

    face_text(s, d, stamp);
    sim_send(s, "mqtt/face/heartbeat", "{\"operator\":\"HeartBeat\",\"info\":{\"facesluiceId\":\"%s\",\"time\":\"%s\"}}", d->address,
             stamp);
    if (!d->scripted && sim_chance(d, 40))
        sim_later(s, d, sim_between(d, 2, 50) * TIME_SECOND, VERB_FACE, 0);
}

const struct sim_family family_face = {.name = "face", .made_up = "13", .period = 1 * TIME_MINUTE, .tick = face_tick, .act = face_act};
