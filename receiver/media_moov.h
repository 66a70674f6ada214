/* SPDX-License-Identifier: MIT */
/*
 * ftyp, moov and the head of the mdat of an MP4 whose samples all lie in that mdat (ISO/IEC
 * 14496-12): the beginning of a file that players can seek in. Pure.
 *
 *     ftyp  moov[ mvhd  trak[ tkhd edts mdia ]* ]  mdat-head │ payload of `mdat_bytes`
 *
 * Times of the movie are in its own SL_MOOV_HZ; version 1 boxes and 64-bit sizes throughout.
 */
#pragma once

#include "receiver/media_tables.h"

#define SL_MOOV_HZ 90000u

/* A track of the file. Its picture (or sound) at `skip` is what is seen at `delay` of the movie;
 * then it is played for `play`. */
struct sl_moov_track {
    struct sl_media_tables *tables;
    enum sl_segment_track kind;
    uint32_t hz;    /* of the tables' ticks */
    uint64_t skip;  /* ticks: what players decode, but do not show */
    uint64_t delay; /* in SL_MOOV_HZ */
    uint64_t play;  /* in SL_MOOV_HZ */
};

/*
 * The bytes up to the mdat's payload; chunk offsets become what they are in the file. One block for
 * free(). NULL: no memory, or larger than 1 GiB. The tables' co64 are used up.
 */
uint8_t *sl_moov_write(const struct sl_moov_track *tracks, int count, int64_t created_us,
                       uint64_t mdat_bytes, size_t *ret_len);
