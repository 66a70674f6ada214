/* SPDX-License-Identifier: MIT */
#include "media/nal.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define SEI_RECOVERY_POINT 6
#define SLICE_HEAD 16 /* of a slice, in bytes: more than its first two fields take */
#define SPS_MAX 1024  /* with every scaling list spelt out it is about 600 */
#define SIDE_MAX 16384

/* The position of the next 00 00 01, or `end`. */
static const uint8_t *find_start(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 3) {
        const uint8_t *one = memchr(p + 2, 1, (size_t)(end - p) - 2);
        if (!one)
            return end;
        if (one[-1] == 0 && one[-2] == 0)
            return one - 2;
        p = one - 1;
    }
    return end;
}

bool sl_nal_next(const uint8_t **at, const uint8_t *end, struct sl_nal *ret)
{
    const uint8_t *start = find_start(*at, end);
    while (start != end) {
        start += 3;
        const uint8_t *next = find_start(start, end);
        const uint8_t *last = next;
        while (last > start && last[-1] == 0)
            last--;
        if (last > start) {
            *at = next;
            *ret = (struct sl_nal){.data = start, .len = (size_t)(last - start)};
            return true;
        }
        start = next;
    }
    *at = end;
    return false;
}

/* RBSP: the NAL's payload without emulation prevention bytes, read bit by bit. */
struct bits {
    uint8_t data[SPS_MAX];
    size_t count; /* bits */
    size_t at;
    bool failed;
};

static int unescape(struct bits *bits, const uint8_t *nal, size_t len)
{
    if (len > SPS_MAX)
        return -EBADMSG;
    size_t out = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < len; i++) {
        if (zeros >= 2 && nal[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal[i] ? 0 : zeros + 1;
        bits->data[out++] = nal[i];
    }
    bits->count = out * 8;
    bits->at = 0;
    bits->failed = false;
    return 0;
}

static unsigned read_bit(struct bits *bits)
{
    if (bits->at >= bits->count) {
        bits->failed = true;
        return 0;
    }
    const unsigned bit = bits->data[bits->at / 8] >> (7 - bits->at % 8) & 1;
    bits->at++;
    return bit;
}

static uint32_t read_bits(struct bits *bits, unsigned count)
{
    uint32_t value = 0;
    while (count--)
        value = value << 1 | read_bit(bits);
    return value;
}

/* Exp-Golomb (clause 9.1). */
static uint32_t read_ue(struct bits *bits)
{
    unsigned zeros = 0;
    while (!read_bit(bits)) {
        if (bits->failed || ++zeros > 31) {
            bits->failed = true;
            return 0;
        }
    }
    return ((uint32_t)1 << zeros) - 1 + read_bits(bits, zeros);
}

/* The same, no larger than `max`. */
static uint32_t read_ue_max(struct bits *bits, uint32_t max)
{
    const uint32_t value = read_ue(bits);
    if (value > max)
        bits->failed = true;
    return bits->failed ? 0 : value;
}

static int32_t read_se(struct bits *bits)
{
    const uint32_t code = read_ue(bits);
    const int32_t half = (int32_t)(code / 2 + code % 2);
    return code % 2 ? half : -half;
}

static void skip_scaling_list(struct bits *bits, int size)
{
    int last = 8, next = 8;
    for (int i = 0; i < size && !bits->failed; i++) {
        if (next)
            next = (last + read_se(bits) % 256 + 256) % 256;
        last = next ? next : last;
    }
}

static bool has_chroma_info(uint8_t profile_idc)
{
    static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                       118, 128, 138, 139, 134, 135};
    return memchr(profiles, profile_idc, sizeof(profiles)) != NULL;
}

/* What the SPS says beside struct sl_sps, and where its end may be rewritten. */
struct layout {
    unsigned chroma_format; /* 0: monochrome, or planes coded apart */
    size_t vui_at;          /* of vui_parameters_present_flag */
    bool vui;
    size_t restriction_at; /* of bitstream_restriction_flag, if vui */
    bool in_order;         /* by the picture order count alone */
    unsigned mv_over_edges;
    uint32_t bytes_denom, bits_denom, mv_horizontal, mv_vertical;
};

static void read_chroma(struct bits *bits, struct layout *layout)
{
    layout->chroma_format = read_ue_max(bits, 3);
    const int lists = layout->chroma_format == 3 ? 12 : 8;
    if (layout->chroma_format == 3 && read_bit(bits))
        layout->chroma_format = 0;
    read_ue_max(bits, 6); /* bit depths */
    read_ue_max(bits, 6);
    read_bit(bits);
    if (!read_bit(bits))
        return;
    for (int i = 0; i < lists; i++)
        if (read_bit(bits))
            skip_scaling_list(bits, i < 6 ? 16 : 64);
}

/* Returns pic_order_cnt_type. */
static uint32_t skip_picture_order(struct bits *bits)
{
    const uint32_t type = read_ue_max(bits, 2);
    if (type == 0) {
        read_ue_max(bits, 12);
    } else if (type == 1) {
        read_bit(bits);
        read_se(bits);
        read_se(bits);
        for (uint32_t cycle = read_ue_max(bits, 255); cycle && !bits->failed; cycle--)
            read_se(bits);
    }
    return type;
}

static void read_size(struct bits *bits, struct sl_sps *sps, unsigned chroma_format)
{
    const int width = 16 * ((int)read_ue_max(bits, SIDE_MAX / 16 - 1) + 1);
    const int units = (int)read_ue_max(bits, SIDE_MAX / 16 - 1) + 1;
    const int fields = read_bit(bits) ? 1 : 2;
    if (fields == 2)
        read_bit(bits);
    read_bit(bits);
    const int height = 16 * units * fields;
    int left = 0, right = 0, top = 0, bottom = 0;
    if (read_bit(bits)) {
        left = (int)read_ue_max(bits, SIDE_MAX);
        right = (int)read_ue_max(bits, SIDE_MAX);
        top = (int)read_ue_max(bits, SIDE_MAX);
        bottom = (int)read_ue_max(bits, SIDE_MAX);
    }
    const int unit_x = chroma_format == 1 || chroma_format == 2 ? 2 : 1;
    const int unit_y = (chroma_format == 1 ? 2 : 1) * fields;
    sps->width = width - unit_x * (left + right);
    sps->height = height - unit_y * (top + bottom);
    if (sps->width <= 0 || sps->height <= 0 || height > SIDE_MAX)
        bits->failed = true;
}

static void skip_hrd(struct bits *bits)
{
    const uint32_t count = read_ue_max(bits, 31) + 1;
    read_bits(bits, 8);
    for (uint32_t i = 0; i < count && !bits->failed; i++) {
        read_ue(bits);
        read_ue(bits);
        read_bit(bits);
    }
    read_bits(bits, 20);
}

/* The VUI up to bitstream_restriction_flag (annex E.1.1). */
static void skip_vui_head(struct bits *bits)
{
    if (read_bit(bits) && read_bits(bits, 8) == 255) /* aspect ratio, Extended_SAR */
        read_bits(bits, 32);
    if (read_bit(bits)) /* overscan */
        read_bit(bits);
    if (read_bit(bits)) { /* video signal type */
        read_bits(bits, 4);
        if (read_bit(bits))
            read_bits(bits, 24);
    }
    if (read_bit(bits)) { /* chroma location */
        read_ue(bits);
        read_ue(bits);
    }
    if (read_bit(bits)) { /* timing */
        read_bits(bits, 32);
        read_bits(bits, 32);
        read_bit(bits);
    }
    const bool nal_hrd = read_bit(bits);
    if (nal_hrd)
        skip_hrd(bits);
    const bool vcl_hrd = read_bit(bits);
    if (vcl_hrd)
        skip_hrd(bits);
    if (nal_hrd || vcl_hrd)
        read_bit(bits);
    read_bit(bits); /* pic_struct */
}

static void read_vui(struct bits *bits, struct sl_sps *sps, struct layout *layout)
{
    layout->vui_at = bits->at;
    layout->vui = read_bit(bits);
    /* What holds where nothing is said (annex E.2.1). */
    layout->mv_over_edges = 1;
    layout->bytes_denom = 2;
    layout->bits_denom = 1;
    layout->mv_horizontal = layout->mv_vertical = 15;
    if (!layout->vui)
        return;
    skip_vui_head(bits);
    layout->restriction_at = bits->at;
    sps->bitstream_restriction = read_bit(bits);
    if (!sps->bitstream_restriction)
        return;
    layout->mv_over_edges = read_bit(bits);
    layout->bytes_denom = read_ue_max(bits, 16);
    layout->bits_denom = read_ue_max(bits, 16);
    layout->mv_horizontal = read_ue_max(bits, 16);
    layout->mv_vertical = read_ue_max(bits, 16);
    sps->num_reorder_frames = (int)read_ue_max(bits, 16);
    sps->max_dec_frame_buffering = (int)read_ue_max(bits, 16);
}

static int parse(struct bits *bits, struct sl_sps *sps, struct layout *layout, const uint8_t *nal,
                 size_t len)
{
    *sps = (struct sl_sps){0};
    *layout = (struct layout){.chroma_format = 1};
    if (len < 4 || (nal[0] & 0x1f) != SL_NAL_SPS || unescape(bits, nal, len) < 0)
        return -EBADMSG;
    read_bits(bits, 8);
    sps->profile_idc = (uint8_t)read_bits(bits, 8);
    sps->constraint_flags = (uint8_t)read_bits(bits, 8);
    sps->level_idc = (uint8_t)read_bits(bits, 8);
    read_ue_max(bits, 31); /* id */
    if (has_chroma_info(sps->profile_idc))
        read_chroma(bits, layout);
    read_ue_max(bits, 12);                            /* log2_max_frame_num_minus4 */
    layout->in_order = skip_picture_order(bits) == 2; /* clause 8.2.1.3: output as decoded */
    sps->num_ref_frames = (int)read_ue_max(bits, 16);
    read_bit(bits);
    read_size(bits, sps, layout->chroma_format);
    read_vui(bits, sps, layout);
    sps->in_order = layout->in_order || sps->profile_idc == 66 || /* Baseline has no B slices */
                    (sps->bitstream_restriction && sps->num_reorder_frames == 0);
    return bits->failed ? -EBADMSG : 0;
}

int sl_sps_read(struct sl_sps *ret, const uint8_t *nal, size_t len)
{
    struct bits bits;
    struct sl_sps sps;
    struct layout layout;
    const int err = parse(&bits, &sps, &layout, nal, len);
    if (err == 0)
        *ret = sps;
    return err;
}

/* Bits to be written; room for the SPS and the longest VUI that we write. */
struct bit_writer {
    uint8_t data[SPS_MAX + 32];
    size_t at;
};

static void write_bits(struct bit_writer *w, uint32_t value, unsigned count)
{
    while (count--) {
        const uint8_t mask = (uint8_t)(0x80u >> w->at % 8);
        if (w->at % 8 == 0)
            w->data[w->at / 8] = 0;
        if (value >> count & 1)
            w->data[w->at / 8] |= mask;
        w->at++;
    }
}

static void write_ue(struct bit_writer *w, uint32_t value)
{
    unsigned length = 1;
    while ((value + 1) >> length)
        length++;
    write_bits(w, 0, length - 1);
    write_bits(w, value + 1, length);
}

static int escape(const struct bit_writer *w, uint8_t *out, size_t size)
{
    size_t len = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < w->at / 8; i++) {
        const uint8_t byte = w->data[i];
        const bool prevent = zeros == 2 && byte <= 3;
        if (len + 1 + prevent > size)
            return -EMSGSIZE;
        if (prevent) {
            out[len++] = 3;
            zeros = 0;
        }
        out[len++] = byte;
        zeros = byte ? 0 : zeros + 1;
    }
    return (int)len;
}

int sl_sps_no_reorder(const uint8_t *nal, size_t len, uint8_t *out, size_t size)
{
    struct bits bits;
    struct sl_sps sps;
    struct layout layout;
    const int err = parse(&bits, &sps, &layout, nal, len);
    if (err < 0)
        return err;

    struct bit_writer w;
    w.at = 0;
    const size_t kept = layout.vui ? layout.restriction_at : layout.vui_at;
    bits.at = 0;
    while (bits.at < kept)
        write_bits(&w, read_bit(&bits), 1);
    if (!layout.vui) {
        write_bits(&w, 1, 1);
        write_bits(&w, 0, 8); /* none of the parts of skip_vui_head() */
    }
    write_bits(&w, 1, 1);
    write_bits(&w, layout.mv_over_edges, 1);
    write_ue(&w, layout.bytes_denom);
    write_ue(&w, layout.bits_denom);
    write_ue(&w, layout.mv_horizontal);
    write_ue(&w, layout.mv_vertical);
    write_ue(&w, 0);
    write_ue(&w, (uint32_t)sps.num_ref_frames);
    write_bits(&w, 1, 1); /* rbsp_stop_one_bit */
    while (w.at % 8)
        write_bits(&w, 0, 1);
    return escape(&w, out, size);
}

bool sl_sei_recovers_here(const uint8_t *nal, size_t len)
{
    struct sl_reader r = sl_reader(nal, len);
    sl_read8(&r);
    while (sl_reader_left(&r) > 2) {
        unsigned type = 0, size = 0;
        uint8_t byte;
        while ((byte = sl_read8(&r)) == 255)
            type += 255;
        type += byte;
        while ((byte = sl_read8(&r)) == 255)
            size += 255;
        size += byte;
        const uint8_t *message = sl_read_bytes(&r, size);
        if (!message)
            return false;
        if (type == SEI_RECOVERY_POINT && size && message[0] & 0x80) /* recovery_frame_cnt 0 */
            return true;
    }
    return false;
}

bool sl_slice_is_b(const uint8_t *nal, size_t len)
{
    struct bits bits;
    const unsigned type = len ? nal[0] & 0x1f : 0;
    /* first_mb_in_slice and slice_type come first. */
    if ((type != SL_NAL_SLICE && type != SL_NAL_IDR) ||
        unescape(&bits, nal, len < SLICE_HEAD ? len : SLICE_HEAD) < 0)
        return false;
    read_bits(&bits, 8);
    read_ue(&bits);
    const uint32_t slice_type = read_ue_max(&bits, 9);
    return !bits.failed && slice_type % 5 == 1;
}
