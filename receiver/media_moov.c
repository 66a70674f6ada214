/* SPDX-License-Identifier: MIT */
#include "receiver/media_moov.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define HEAD_MAX ((size_t)1 << 30)
#define MDAT_HEAD 16 /* with a 64-bit size */
#define SINCE_1904 2082844800
#define BOXES_BYTES 4096 /* of a track, beside its tables */

/* ---- Boxes ---- */

static uint8_t *box_begin(struct sl_writer *w, const char type[4])
{
    uint8_t *at = w->at;
    sl_write32(w, 0);
    sl_write_bytes(w, type, 4);
    return at;
}

static uint8_t *full_box_begin(struct sl_writer *w, const char type[4], uint8_t version,
                               uint32_t flags)
{
    uint8_t *at = box_begin(w, type);
    sl_write32(w, (uint32_t)version << 24 | flags);
    return at;
}

static void box_end(struct sl_writer *w, uint8_t *begin)
{
    if (!w->failed)
        sl_put32(begin, (uint32_t)(w->at - begin));
}

static void zeros(struct sl_writer *w, size_t len)
{
    uint8_t *at = sl_write_room(w, len);
    if (at)
        memset(at, 0, len);
}

static void matrix(struct sl_writer *w)
{
    static const uint32_t unity[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
    for (size_t i = 0; i < SL_COUNT(unity); i++)
        sl_write32(w, unity[i]);
}

static void write_ftyp(struct sl_writer *w)
{
    uint8_t *box = box_begin(w, "ftyp");
    sl_write_bytes(w, "isom", 4);
    sl_write32(w, 0x200);
    sl_write_bytes(w, "isomiso2avc1mp41", 16);
    box_end(w, box);
}

/* A table whose entries are ready, its count before them. */
static void write_table(struct sl_writer *w, const char type[4], const struct sl_media_bytes *bytes,
                        uint32_t count)
{
    uint8_t *box = full_box_begin(w, type, 0, 0);
    sl_write32(w, count);
    sl_write_bytes(w, bytes->data, bytes->len);
    box_end(w, box);
}

/* ---- Sample descriptions ---- */

static void write_avc1(struct sl_writer *w, const struct sl_media_config *config)
{
    uint8_t *box = box_begin(w, "avc1");
    zeros(w, 6);
    sl_write16(w, 1); /* data reference */
    zeros(w, 16);
    sl_write16(w, (uint16_t)config->width);
    sl_write16(w, (uint16_t)config->height);
    sl_write32(w, 72u << 16);
    sl_write32(w, 72u << 16);
    sl_write32(w, 0);
    sl_write16(w, 1); /* a picture a sample */
    zeros(w, 32);     /* the compressor's name */
    sl_write16(w, 24);
    sl_write16(w, 0xffff);
    uint8_t *avcc = box_begin(w, "avcC");
    sl_write_bytes(w, config->data, config->len);
    box_end(w, avcc);
    box_end(w, box);
}

/* Encapsulation of Opus in ISOBMFF, section 4.3. */
static void write_opus(struct sl_writer *w, const struct sl_media_config *config)
{
    uint8_t *box = box_begin(w, "Opus");
    zeros(w, 6);
    sl_write16(w, 1);
    zeros(w, 8);
    sl_write16(w, (uint16_t)config->channels);
    sl_write16(w, 16);
    zeros(w, 4);
    sl_write32(w, 48000u << 16);
    uint8_t *dops = box_begin(w, "dOps");
    sl_write_bytes(w, config->data, config->len);
    box_end(w, dops);
    box_end(w, box);
}

static void write_stsd(struct sl_writer *w, const struct sl_moov_track *track)
{
    const struct sl_media_tables *tables = track->tables;
    uint8_t *box = full_box_begin(w, "stsd", 0, 0);
    sl_write32(w, tables->config_count);
    for (uint32_t i = 0; i < tables->config_count; i++) {
        if (track->kind == SL_SEGMENT_VIDEO)
            write_avc1(w, &tables->configs[i]);
        else
            write_opus(w, &tables->configs[i]);
    }
    box_end(w, box);
}

/* Each Opus packet can be begun with, 80 ms before what is to be heard (section 4.3.6.2). */
static void write_roll(struct sl_writer *w, uint32_t samples)
{
    uint8_t *box = full_box_begin(w, "sgpd", 1, 0);
    sl_write_bytes(w, "roll", 4);
    sl_write32(w, 2);
    sl_write32(w, 1);
    sl_write16(w, (uint16_t)-4);
    box_end(w, box);
    box = full_box_begin(w, "sbgp", 0, 0);
    sl_write_bytes(w, "roll", 4);
    sl_write32(w, 1);
    sl_write32(w, samples);
    sl_write32(w, 1);
    box_end(w, box);
}

/* ---- A track ---- */

static void write_stbl(struct sl_writer *w, const struct sl_moov_track *track)
{
    const struct sl_media_tables *tables = track->tables;
    uint8_t *stbl = box_begin(w, "stbl");
    write_stsd(w, track);
    write_table(w, "stts", &tables->stts, (uint32_t)(tables->stts.len / 8));
    if (track->kind == SL_SEGMENT_VIDEO)
        write_table(w, "stss", &tables->stss, (uint32_t)(tables->stss.len / 4));
    write_table(w, "stsc", &tables->stsc, (uint32_t)(tables->stsc.len / 12));
    uint8_t *stsz = full_box_begin(w, "stsz", 0, 0);
    sl_write32(w, 0);
    sl_write32(w, tables->samples);
    sl_write_bytes(w, tables->stsz.data, tables->stsz.len);
    box_end(w, stsz);
    write_table(w, "co64", &tables->co64, tables->chunks);
    if (track->kind == SL_SEGMENT_AUDIO)
        write_roll(w, tables->samples);
    box_end(w, stbl);
}

static void write_minf(struct sl_writer *w, const struct sl_moov_track *track)
{
    uint8_t *minf = box_begin(w, "minf");
    uint8_t *head = NULL;
    if (track->kind == SL_SEGMENT_VIDEO) {
        head = full_box_begin(w, "vmhd", 0, 1);
        zeros(w, 8);
    } else {
        head = full_box_begin(w, "smhd", 0, 0);
        zeros(w, 4);
    }
    box_end(w, head);
    uint8_t *dinf = box_begin(w, "dinf");
    uint8_t *dref = full_box_begin(w, "dref", 0, 0);
    sl_write32(w, 1);
    box_end(w, full_box_begin(w, "url ", 0, 1));
    box_end(w, dref);
    box_end(w, dinf);
    write_stbl(w, track);
    box_end(w, minf);
}

static void write_mdia(struct sl_writer *w, const struct sl_moov_track *track, uint64_t created)
{
    const bool video = track->kind == SL_SEGMENT_VIDEO;
    uint8_t *mdia = box_begin(w, "mdia");
    uint8_t *box = full_box_begin(w, "mdhd", 1, 0);
    sl_write64(w, created);
    sl_write64(w, created);
    sl_write32(w, track->hz);
    sl_write64(w, track->tables->ticks);
    sl_write16(w, 0x55c4); /* undetermined */
    sl_write16(w, 0);
    box_end(w, box);
    box = full_box_begin(w, "hdlr", 0, 0);
    sl_write32(w, 0);
    sl_write_bytes(w, video ? "vide" : "soun", 4);
    zeros(w, 12);
    sl_write8(w, 0); /* a name: none */
    box_end(w, box);
    write_minf(w, track);
    box_end(w, mdia);
}

static void write_edts(struct sl_writer *w, const struct sl_moov_track *track)
{
    uint8_t *edts = box_begin(w, "edts");
    uint8_t *elst = full_box_begin(w, "elst", 1, 0);
    sl_write32(w, track->delay > 0 ? 2 : 1);
    if (track->delay > 0) {
        sl_write64(w, track->delay);
        sl_write64(w, UINT64_MAX); /* nothing */
        sl_write32(w, 0x10000);
    }
    sl_write64(w, track->play);
    sl_write64(w, track->skip);
    sl_write32(w, 0x10000);
    box_end(w, elst);
    box_end(w, edts);
}

static void write_tkhd(struct sl_writer *w, const struct sl_moov_track *track, uint32_t id,
                       uint64_t created)
{
    const struct sl_media_config *config = &track->tables->configs[0];
    const bool video = track->kind == SL_SEGMENT_VIDEO;
    uint8_t *box = full_box_begin(w, "tkhd", 1, 3); /* enabled, in the movie */
    sl_write64(w, created);
    sl_write64(w, created);
    sl_write32(w, id);
    sl_write32(w, 0);
    sl_write64(w, track->delay + track->play);
    zeros(w, 12);
    sl_write16(w, video ? 0 : 0x100);
    sl_write16(w, 0);
    matrix(w);
    sl_write32(w, video ? (uint32_t)config->width << 16 : 0);
    sl_write32(w, video ? (uint32_t)config->height << 16 : 0);
    box_end(w, box);
}

static void write_moov(struct sl_writer *w, const struct sl_moov_track *tracks, int count,
                       uint64_t created)
{
    uint64_t duration = 0;
    for (int i = 0; i < count; i++) {
        const uint64_t end = tracks[i].delay + tracks[i].play;
        duration = end > duration ? end : duration;
    }
    uint8_t *moov = box_begin(w, "moov");
    uint8_t *box = full_box_begin(w, "mvhd", 1, 0);
    sl_write64(w, created);
    sl_write64(w, created);
    sl_write32(w, SL_MOOV_HZ);
    sl_write64(w, duration);
    sl_write32(w, 0x10000);
    sl_write16(w, 0x100);
    zeros(w, 10);
    matrix(w);
    zeros(w, 24);
    sl_write32(w, (uint32_t)count + 1); /* the next track's id */
    box_end(w, box);
    for (int i = 0; i < count; i++) {
        uint8_t *trak = box_begin(w, "trak");
        write_tkhd(w, &tracks[i], (uint32_t)i + 1, created);
        write_edts(w, &tracks[i]);
        write_mdia(w, &tracks[i], created);
        box_end(w, trak);
    }
    box_end(w, moov);
}

/* ---- The whole head ---- */

static void move_chunks(const struct sl_moov_track *tracks, int count, uint64_t by)
{
    for (int i = 0; i < count; i++) {
        uint8_t *at = tracks[i].tables->co64.data;
        for (uint32_t k = 0; k < tracks[i].tables->chunks; k++, at += 8)
            sl_put64(at, sl_get64(at) + by);
    }
}

static size_t write_head(struct sl_writer *w, const struct sl_moov_track *tracks, int count,
                         uint64_t created, uint64_t mdat_bytes)
{
    write_ftyp(w);
    write_moov(w, tracks, count, created);
    sl_write32(w, 1);
    sl_write_bytes(w, "mdat", 4);
    sl_write64(w, MDAT_HEAD + mdat_bytes);
    return w->failed ? 0 : sl_writer_len(w);
}

uint8_t *sl_moov_write(const struct sl_moov_track *tracks, int count, int64_t created_us,
                       uint64_t mdat_bytes, size_t *ret_len)
{
    size_t room = BOXES_BYTES;
    for (int i = 0; i < count; i++)
        room += BOXES_BYTES + sl_media_tables_bytes(tracks[i].tables) +
                tracks[i].tables->config_count * 256u;
    uint8_t *data = room <= HEAD_MAX ? malloc(room) : NULL;
    if (!data)
        return NULL;
    const uint64_t created = (uint64_t)(created_us / 1000000 + SINCE_1904);
    struct sl_writer w = sl_writer(data, room);
    /* Its length does not hang on the offsets: written once for that, then with the right ones. */
    const size_t len = write_head(&w, tracks, count, created, mdat_bytes);
    move_chunks(tracks, count, len);
    w = sl_writer(data, room);
    *ret_len = write_head(&w, tracks, count, created, mdat_bytes);
    if (*ret_len == 0) {
        free(data);
        return NULL;
    }
    return data;
}
