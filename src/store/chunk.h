/* SPDX-License-Identifier: Apache-2.0
 * Chunk: one row of the journal: events of a batch, packed, and behind the last of them the batch's record. Pure: bytes in, bytes out.
 *
 *   format · base · record length · record · events' length before packing (format PACKED only) · events
 *   event:  arrived, from the chunk's earliest · lag, zigzag · length · body · NUL
 *   record: mono, zigzag · wall, zigzag · bytes · before · n · n × (packet id, zigzag to the one before; hash, 8 bytes little endian)            numbers are varints */
#ifndef GENGFU_STORE_CHUNK_H
#define GENGFU_STORE_CHUNK_H

#include "gengfu/store/store.h"

#define CHUNK_BYTES 60000 /* of events, before packing: what a reader must hold; a larger event has a chunk of its own */

struct chunk_buf { /* grows, kept for reuse */
    uint8_t *data;
    size_t len, cap;
};
void chunk_buf_done(struct chunk_buf *b);
GF_WARN_UNUSED int chunk_buf_set(struct chunk_buf *b, const void *data, size_t len); /* a copy; GF_ENOMEM */

struct record { /* what a batch leaves beside its events */
    int64_t mono, wall;
    int64_t bytes;  /* of all chunks before this one, ever */
    int64_t before; /* row of the latest earlier chunk with acks; 0: none */
    size_t nacks;
    const uint8_t *acks, *end; /* when read: record_ack gives them */
};

struct chunk_writer {
    struct chunk_buf plain, out, packed;
};
void chunk_writer_done(struct chunk_writer *w);
/* Takes as many of the n events as fit (at least one), and the record when all of them did. Gives the number taken, or GF_ENOMEM; the chunk is w->out. */
GF_WARN_UNUSED int chunk_write(struct chunk_writer *w, const struct effect_event *events, size_t n, int64_t earliest, int64_t base,
                               const struct record *record, const struct store_ack *acks);

struct chunk_event {
    int64_t time, arrived;
    const char *body; /* with a NUL behind it */
    size_t len;
};
struct chunk {
    int64_t base; /* number of the first event */
    bool has_record;
    struct record record;
    int64_t earliest;
    const uint8_t *p, *end; /* of the events */
};
/* Reads what chunk_write wrote. `plain` holds the unpacked events; they and the chunk's bytes must stay until the last event was read. GF_ECORRUPT, GF_ENOMEM. */
GF_WARN_UNUSED int chunk_read(struct chunk *c, struct chunk_buf *plain, const void *data, size_t len, int64_t earliest);
GF_WARN_UNUSED int chunk_next(struct chunk *c, struct chunk_event *ret);          /* 1, 0: no more, GF_ECORRUPT */
bool record_ack(struct record *r, struct store_ack *last, struct store_ack *ret); /* the next one; starts with *last zero */

#endif
