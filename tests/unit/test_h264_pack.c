/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "base/types.h"
#include "media/h264_pack.h"
#include "media/h264_unpack.h"
#include "media/nal.h"
#include "tests/support/alloc_count.h"

#define PAYLOADS_MAX 256

struct packed {
    size_t count, lasts;
    size_t len[PAYLOADS_MAX];
    uint8_t data[PAYLOADS_MAX][1500];
};

static void take(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct packed *packed = ctx;
    assert_in_range(packed->count, 0, PAYLOADS_MAX - 1);
    assert_int_equal(packed->lasts, 0); /* nothing follows the last */
    memcpy(packed->data[packed->count], payload, len);
    packed->len[packed->count++] = len;
    packed->lasts += last;
}

struct unit {
    uint8_t data[65536];
    size_t len;
};

/* A NAL of `len` bytes that ends in no zero and holds no start code. */
static void add_nal(struct unit *unit, uint8_t head, size_t len)
{
    static const uint8_t start[] = {0, 0, 0, 1};
    memcpy(unit->data + unit->len, start, 4);
    unit->len += 4;
    for (size_t i = 0; i < len; i++)
        unit->data[unit->len++] = i ? (uint8_t)(0x80 | (i * 13 + len)) : head;
}

static int pack(struct packed *packed, const struct unit *unit, size_t payload_max)
{
    packed->count = packed->lasts = 0;
    const int count = sl_h264_pack(unit->data, unit->len, payload_max, take, packed);
    if (count > 0) {
        assert_int_equal(count, packed->count);
        assert_int_equal(packed->lasts, 1);
    }
    for (size_t i = 0; i < packed->count; i++)
        assert_in_range(packed->len[i], 1, payload_max);
    return count;
}

static struct packed packed;
static struct unit unit;

static void sets_go_first_in_one_payload(void **state)
{
    (void)state;
    unit.len = 0;
    add_nal(&unit, 0x09, 2); /* AUD */
    add_nal(&unit, 0x27, 20);
    add_nal(&unit, 0x68, 5);
    add_nal(&unit, 0x06, 40); /* SEI */
    add_nal(&unit, 0x65, 100);
    assert_int_equal(pack(&packed, &unit, 1100), 2);
    static const uint8_t head[] = {0x78, 0, 20, 0x27}; /* the larger NRI of the two */
    assert_memory_equal(packed.data[0], head, sizeof(head));
    assert_int_equal(packed.len[0], 1 + 2 + 20 + 2 + 5);
    assert_int_equal(sl_get16(packed.data[0] + 23), 5);
    assert_int_equal(packed.data[0][25], 0x68);
    assert_int_equal(packed.data[1][0], 0x65);
    assert_int_equal(packed.len[1], 100);
}

static void sets_that_do_not_fit_together_go_alone(void **state)
{
    (void)state;
    unit.len = 0;
    add_nal(&unit, 0x67, 50);
    add_nal(&unit, 0x68, 30);
    add_nal(&unit, 0x65, 10);
    assert_int_equal(pack(&packed, &unit, 64), 3);
    assert_int_equal(packed.data[0][0], 0x67);
    assert_int_equal(packed.data[1][0], 0x68);
    unit.len = 0;
    add_nal(&unit, 0x67, 100); /* too large for any payload */
    add_nal(&unit, 0x68, 30);
    assert_int_equal(pack(&packed, &unit, 64), 3);
    assert_int_equal(packed.data[0][0] & 0x1f, SL_NAL_FU_A);
    assert_int_equal(packed.data[2][0], 0x68); /* and the last of all is flushed */
}

static void fragments_are_few_and_equal(void **state)
{
    (void)state;
    for (size_t len = 2; len < 9000; len += 7) {
        unit.len = 0;
        add_nal(&unit, 0x41, len);
        const int count = pack(&packed, &unit, 1130);
        if (len <= 1130) {
            assert_int_equal(count, 1);
            continue;
        }
        assert_int_equal(count, (len - 1 + 1127) / 1128);
        for (int i = 0; i + 1 < count; i++)
            assert_int_equal(packed.len[i], packed.len[0]);
        assert_true(packed.len[0] - packed.len[count - 1] < (size_t)count);
        for (int i = 0; i < count; i++) {
            assert_int_equal(packed.data[i][0], 0x40 | SL_NAL_FU_A);
            assert_int_equal(packed.data[i][1],
                             (i ? 0 : 0x80) | (i + 1 < count ? 0 : 0x40) | SL_NAL_SLICE);
        }
    }
}

static void refuses_what_holds_no_nal(void **state)
{
    (void)state;
    unit.len = 0;
    assert_int_equal(pack(&packed, &unit, 1000), -EBADMSG);
    add_nal(&unit, 0x06, 10); /* nothing that a decoder needs */
    assert_int_equal(pack(&packed, &unit, 1000), -EBADMSG);
    add_nal(&unit, 0x41, 10);
    assert_int_equal(pack(&packed, &unit, 63), -EINVAL);
    assert_int_equal(pack(&packed, &unit, 1501), -EINVAL);
    assert_int_equal(pack(&packed, &unit, 64), 1);
}

/* Random access units, packed at random sizes, come back byte for byte. */
static void what_is_packed_can_be_unpacked(void **state)
{
    (void)state;
    static uint8_t out[70000];
    struct sl_random random;
    sl_random_init_seed(&random, 7);
    const uint64_t before = sl_alloc_count();
    for (int round = 0; round < 2000; round++) {
        const bool key = round % 5 == 0;
        unit.len = 0;
        if (key) {
            add_nal(&unit, 0x67, sl_random_range(&random, 4, 90));
            add_nal(&unit, 0x68, sl_random_range(&random, 2, 30));
        }
        const uint32_t slices = sl_random_range(&random, 1, 4);
        for (uint32_t i = 0; i < slices; i++)
            add_nal(&unit, key ? 0x65 : 0x41, sl_random_range(&random, 1, 3000));
        pack(&packed, &unit, sl_random_range(&random, 64, 1500));
        struct sl_h264_unpack unpack = {0};
        sl_h264_unpack_begin(&unpack, out, sizeof(out));
        for (size_t i = 0; i < packed.count; i++) {
            assert_int_equal(sl_h264_unpack_add(&unpack, packed.data[i], packed.len[i]), 0);
            const struct sl_h264_peek peek = sl_h264_peek(packed.data[i], packed.len[i]);
            if (packed.len[i] > 1)
                assert_int_equal(peek.idr, key);
        }
        assert_int_equal(sl_h264_unpack_end(&unpack), unit.len);
        assert_memory_equal(out, unit.data, unit.len);
        assert_int_equal(unpack.key, key);
    }
    assert_int_equal(sl_alloc_count() - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_go_first_in_one_payload),
        cmocka_unit_test(sets_that_do_not_fit_together_go_alone),
        cmocka_unit_test(fragments_are_few_and_equal),
        cmocka_unit_test(refuses_what_holds_no_nal),
        cmocka_unit_test(what_is_packed_can_be_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
