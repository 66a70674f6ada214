/* SPDX-License-Identifier: MIT */
/*
 * SRTP against a slow model written from RFC 3711 and RFC 7714 over OpenSSL's AES and HMAC. The
 * model itself is held to the vectors of the RFCs, which begin at session keys and so cannot be
 * given to the library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "srtp/srtp.h"

#define ROOM 1600

struct model {
    bool gcm;
    uint8_t key[16], salt[14], auth[20];
};

static size_t hex(uint8_t *out, const char *text)
{
    size_t n = 0;
    for (unsigned int byte; sscanf(text + 2 * n, "%2x", &byte) == 1 && text[2 * n];)
        out[n++] = (uint8_t)byte;
    return n;
}

static void aes_ctr(const uint8_t key[16], const uint8_t iv[16], uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, data, &n, data, (int)len), 1);
    assert_int_equal(n, len);
    EVP_CIPHER_CTX_free(ctx);
}

/* In place, the tag behind. */
static void aes_gcm(const uint8_t key[16], const uint8_t iv[12], const uint8_t *aad, size_t aad_len,
                    uint8_t *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len), 1);
    if (len > 0)
        assert_int_equal(EVP_EncryptUpdate(ctx, data, &n, data, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, data + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, data + len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

/* RFC 3711 section 4.3.1 with a key derivation rate of 0: label at bits 48..55 of the salt. */
static void derive(const uint8_t *master, size_t salt_len, uint8_t label, uint8_t *out, size_t len)
{
    uint8_t iv[16] = {0};
    memcpy(iv, master + 16, salt_len); /* RFC 7714 section 11: 12 bytes and two zeros */
    iv[7] ^= label;
    memset(out, 0, len);
    aes_ctr(master, iv, out, len);
}

static struct model make_model(enum sl_srtp_profile profile, const uint8_t *master, bool rtcp)
{
    struct model m = {.gcm = profile == SL_SRTP_AEAD_AES_128_GCM};
    const size_t salt_len = m.gcm ? 12 : 14;
    const uint8_t first = rtcp ? 3 : 0;
    derive(master, salt_len, first, m.key, sizeof(m.key));
    derive(master, salt_len, first + 1, m.auth, sizeof(m.auth));
    derive(master, salt_len, first + 2, m.salt, salt_len);
    return m;
}

static void hmac_tag(const struct model *m, uint8_t *data, size_t len, uint32_t trailer, size_t at)
{
    uint8_t covered[ROOM + 4], tag[20];
    memcpy(covered, data, len);
    sl_put32(covered + len, trailer);
    HMAC(EVP_sha1(), m->auth, sizeof(m->auth), covered, len + 4, tag, NULL);
    memcpy(data + at, tag, 10);
}

/* CM: (salt * 2^16) xor (SSRC * 2^64) xor (index * 2^16). */
static void cm_cipher(const struct model *m, uint32_t ssrc, uint64_t index, uint8_t *data,
                      size_t len)
{
    uint8_t iv[16] = {0}, number[16] = {0};
    memcpy(iv, m->salt, 14);
    sl_put32(number + 4, ssrc);
    sl_put64(number + 6, sl_get64(number + 6) ^ index);
    for (int i = 0; i < 16; i++)
        iv[i] ^= number[i];
    aes_ctr(m->key, iv, data, len);
}

/* RFC 7714 sections 8.1 and 9.1: 00 00, SSRC, and 48 bits of index, xor salt. */
static void gcm_iv(const struct model *m, uint32_t ssrc, uint64_t index, uint8_t iv[12])
{
    sl_put64(iv + 4, index);
    sl_put16(iv, 0);
    sl_put32(iv + 2, ssrc);
    for (int i = 0; i < 12; i++)
        iv[i] ^= m->salt[i];
}

static size_t model_rtp(const struct model *m, uint64_t index, uint8_t *data, size_t header,
                        size_t len)
{
    const uint32_t ssrc = sl_get32(data + 8);
    if (m->gcm) {
        uint8_t iv[12];
        gcm_iv(m, ssrc, index, iv);
        aes_gcm(m->key, iv, data, header, data + header, len - header);
        return len + 16;
    }
    cm_cipher(m, ssrc, index, data + header, len - header);
    hmac_tag(m, data, len, (uint32_t)(index >> 16), len);
    return len + 10;
}

/* RFC 7714 section 9.2: unencrypted, all of the packet is associated data. */
static size_t model_rtcp(const struct model *m, uint32_t index, bool encrypted, uint8_t *data,
                         size_t len)
{
    const uint32_t ssrc = sl_get32(data + 4), word = index | (encrypted ? 1u << 31 : 0);
    if (m->gcm) {
        uint8_t iv[12], aad[ROOM];
        const size_t clear = encrypted ? 8 : len;
        memcpy(aad, data, clear);
        sl_put32(aad + clear, word);
        gcm_iv(m, ssrc, index, iv);
        aes_gcm(m->key, iv, aad, clear + 4, data + clear, len - clear);
        sl_put32(data + len + 16, word);
        return len + 20;
    }
    if (encrypted)
        cm_cipher(m, ssrc, index, data + 8, len - 8);
    hmac_tag(m, data, len, word, len + 4);
    sl_put32(data + len, word);
    return len + 14;
}

static const char rfc3711_master[] = "E1F97A0D3E018BE0D64FA32C06DE4139"
                                     "0EC675AD498AFEEBB6960B3AABE6";

static void model_derives_as_rfc3711_b3(void **state)
{
    (void)state;
    uint8_t master[30], want[20];
    assert_int_equal(hex(master, rfc3711_master), 30);
    const struct model m = make_model(SL_SRTP_AES128_CM_SHA1_80, master, false);
    hex(want, "C61E7A93744F39EE10734AFE3FF7A087");
    assert_memory_equal(m.key, want, 16);
    hex(want, "30CBBC08863D8C85D49DB34A9AE1");
    assert_memory_equal(m.salt, want, 14);
    hex(want, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
    assert_memory_equal(m.auth, want, 20);
}

static struct model rfc7714_model(void)
{
    struct model m = {.gcm = true};
    hex(m.key, "000102030405060708090a0b0c0d0e0f");
    memcpy(m.salt, "Quid pro quo", 12);
    return m;
}

static void model_protects_as_rfc7714_16_1(void **state)
{
    (void)state;
    const struct model m = rfc7714_model();
    uint8_t data[ROOM], want[ROOM];
    hex(data, "8040f17b8041f8d35501a0b2");
    memcpy(data + 12, "Gallia est omnis divisa in partes tres", 38);
    const size_t n = hex(want, "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bca"
                               "be633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
                               "899d7f27beb16a9152cf765ee4390cce");
    assert_int_equal(model_rtp(&m, 0xf17b, data, 12, 50), n);
    assert_memory_equal(data, want, n);
}

static void model_protects_as_rfc7714_17(void **state)
{
    (void)state;
    static const char plain[] = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
                                "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    const struct model m = rfc7714_model();
    uint8_t data[ROOM], want[ROOM];
    size_t len = hex(data, plain);
    size_t n = hex(want, "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d"
                         "c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872"
                         "45d9eade800005d4");
    assert_int_equal(model_rtcp(&m, 0x5d4, true, data, len), n);
    assert_memory_equal(data, want, n);

    len = hex(data, plain); /* section 17.3: tagged only */
    n = hex(want, "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
                  "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
                  "841dd9683dd78ec92ae58790125f62b3000005d4");
    assert_int_equal(model_rtcp(&m, 0x5d4, false, data, len), n);
    assert_memory_equal(data, want, n);
}

/* The packet that libsrtp's own driver has validated itself by since 2001, from master keys on. */
static void known_cm_packet(void **state)
{
    (void)state;
    uint8_t master[30], data[ROOM], want[ROOM];
    hex(master, rfc3711_master);
    const size_t len = hex(data, "800f1234decafbadcafebabeabababababababababababababababab");
    const size_t n = hex(want, "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402"
                               "b78d6acc99ea179b8dbb");
    struct sl_srtp *srtp;
    assert_int_equal(sl_srtp_create(&srtp, SL_SRTP_AES128_CM_SHA1_80, master, master), 0);
    assert_int_equal(sl_srtp_protect(srtp, data, len, ROOM), n);
    assert_memory_equal(data, want, n);
    sl_srtp_destroy(srtp);
}

struct sides {
    struct sl_random random;
    uint8_t send_key[SL_SRTP_KEY_MAX], receive_key[SL_SRTP_KEY_MAX];
    struct sl_srtp *srtp;
};

static void open_sides(struct sides *s, enum sl_srtp_profile profile)
{
    sl_random_init_seed(&s->random, 7);
    sl_random_fill(&s->random, s->send_key, sizeof(s->send_key));
    sl_random_fill(&s->random, s->receive_key, sizeof(s->receive_key));
    assert_int_equal(sl_srtp_create(&s->srtp, profile, s->send_key, s->receive_key), 0);
}

/* A packet with CSRCs, an extension, both or neither; returns where its header ends. */
static size_t make_rtp(struct sides *s, uint8_t *data, uint16_t seq, size_t *len)
{
    sl_random_fill(&s->random, data, ROOM / 2);
    const uint32_t csrcs = sl_random_range(&s->random, 0, 3);
    const uint32_t words = sl_random_range(&s->random, 0, 5);
    const bool extended = sl_random_range(&s->random, 0, 1) == 1;
    data[0] = (uint8_t)(0x80 | (extended ? 0x10 : 0) | csrcs);
    data[1] &= 0x7f;
    sl_put16(data + 2, seq);
    sl_put32(data + 8, 0xfeed0000 + seq % 3);
    size_t header = 12 + 4 * csrcs;
    if (extended) {
        sl_put16(data + header + 2, (uint16_t)words);
        header += 4 + 4 * words;
    }
    *len = header + sl_random_range(&s->random, 0, 600);
    return header;
}

static void rtp_is_as_the_model_says(enum sl_srtp_profile profile)
{
    struct sides s;
    open_sides(&s, profile);
    const struct model out = make_model(profile, s.send_key, false);
    const struct model in = make_model(profile, s.receive_key, false);
    for (uint64_t index = 65400; index < 65700; index++) { /* over the roll-over */
        uint8_t plain[ROOM], ours[ROOM], models[ROOM];
        size_t len;
        const size_t header = make_rtp(&s, plain, (uint16_t)index, &len);
        memcpy(ours, plain, len);
        memcpy(models, plain, len);
        const size_t n = model_rtp(&out, index, models, header, len);
        assert_int_equal(sl_srtp_protect(s.srtp, ours, len, ROOM), n);
        assert_memory_equal(ours, models, n);

        memcpy(models, plain, len);
        model_rtp(&in, index, models, header, len);
        assert_int_equal(sl_srtp_unprotect(s.srtp, models, n), len);
        assert_memory_equal(models, plain, len);
    }
    sl_srtp_destroy(s.srtp);
}

static void rtcp_is_as_the_model_says(enum sl_srtp_profile profile)
{
    struct sides s;
    open_sides(&s, profile);
    const struct model out = make_model(profile, s.send_key, true);
    const struct model in = make_model(profile, s.receive_key, true);
    for (uint32_t index = 1; index < 200; index++) {
        uint8_t plain[ROOM], ours[ROOM], models[ROOM];
        const size_t len = 8 + 4 * (size_t)sl_random_range(&s.random, 0, 80);
        sl_random_fill(&s.random, plain, len);
        plain[0] = 0x80;
        plain[1] = 201;
        sl_put32(plain + 4, 1);
        memcpy(ours, plain, len);
        memcpy(models, plain, len);
        const size_t n = model_rtcp(&out, index, true, models, len);
        assert_int_equal(sl_srtp_protect_rtcp(s.srtp, ours, len, ROOM), n);
        assert_memory_equal(ours, models, n);

        memcpy(models, plain, len);
        model_rtcp(&in, index, true, models, len);
        assert_int_equal(sl_srtp_unprotect_rtcp(s.srtp, models, n), len);
        assert_memory_equal(models, plain, len);

        memcpy(models, plain, len); /* the peer's own keys and a good tag, but not encrypted */
        assert_int_equal(model_rtcp(&in, index + 1000, false, models, len), n);
        assert_int_equal(sl_srtp_unprotect_rtcp(s.srtp, models, n), -EACCES);
    }
    sl_srtp_destroy(s.srtp);
}

#define BOTH(name)                                                                                 \
    static void name##_gcm(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        name(SL_SRTP_AEAD_AES_128_GCM);                                                            \
    }                                                                                              \
    static void name##_cm(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        name(SL_SRTP_AES128_CM_SHA1_80);                                                           \
    }

BOTH(rtp_is_as_the_model_says)
BOTH(rtcp_is_as_the_model_says)

static int start(void **state)
{
    (void)state;
    return sl_srtp_library_init();
}

static int stop(void **state)
{
    (void)state;
    sl_srtp_library_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_derives_as_rfc3711_b3),
        cmocka_unit_test(model_protects_as_rfc7714_16_1),
        cmocka_unit_test(model_protects_as_rfc7714_17),
        cmocka_unit_test(known_cm_packet),
        cmocka_unit_test(rtp_is_as_the_model_says_gcm),
        cmocka_unit_test(rtp_is_as_the_model_says_cm),
        cmocka_unit_test(rtcp_is_as_the_model_says_gcm),
        cmocka_unit_test(rtcp_is_as_the_model_says_cm),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
