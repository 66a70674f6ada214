/* SPDX-License-Identifier: MIT */
#include "srtp/gcm.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define RTCP_HEADER 8
#define INDEX_BYTES 4 /* SRTCP: the E bit and the 31-bit index */
#define RTCP_INDEX_MAX 0x7fffffffu
#define ENCRYPTED 0x80000000u
#define RTP_NUMBER_MAX 0xffffffffffff /* 48 bits: roll-over counter and sequence number */

/* ---- Keys ---- */

enum label { LABEL_RTP_KEY = 0, LABEL_RTP_SALT = 2, LABEL_RTCP_KEY = 3, LABEL_RTCP_SALT = 5 };

/* RFC 3711 section 4.3.1, with a derivation rate of 0 and RFC 7714's 12 bytes of salt: AES in
 * counter mode over zeros. */
static int derive(const uint8_t *master, enum label label, uint8_t *out, size_t len)
{
    uint8_t iv[16] = {0};
    int done = 0;
    memcpy(iv, master + SL_GCM_KEY_BYTES, SL_GCM_SALT_BYTES);
    iv[7] ^= (uint8_t)label;
    memset(out, 0, len);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, master, iv) == 1 &&
                    EVP_EncryptUpdate(ctx, out, &done, out, (int)len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -ENOMEM;
}

/* Expands the key and leaves the nonce for later. */
static int open_context(EVP_CIPHER_CTX **ret, const uint8_t *master, enum label label, bool seal)
{
    uint8_t key[SL_GCM_KEY_BYTES];
    int error = derive(master, label, key, sizeof(key));
    if (error == 0) {
        *ret = EVP_CIPHER_CTX_new();
        if (!*ret || EVP_CipherInit_ex(*ret, EVP_aes_128_gcm(), NULL, key, NULL, seal) != 1)
            error = -ENOMEM;
    }
    explicit_bzero(key, sizeof(key));
    return error;
}

int sl_gcm_open(struct sl_gcm *ret, const uint8_t *master, bool seal)
{
    struct sl_gcm gcm = {.rtp = NULL};
    int error = open_context(&gcm.rtp, master, LABEL_RTP_KEY, seal);
    if (error == 0)
        error = open_context(&gcm.rtcp, master, LABEL_RTCP_KEY, seal);
    if (error == 0)
        error = derive(master, LABEL_RTP_SALT, gcm.rtp_salt, sizeof(gcm.rtp_salt));
    if (error == 0)
        error = derive(master, LABEL_RTCP_SALT, gcm.rtcp_salt, sizeof(gcm.rtcp_salt));
    if (error < 0) {
        sl_gcm_close(&gcm);
        return error;
    }
    *ret = gcm;
    explicit_bzero(&gcm, sizeof(gcm));
    return 0;
}

void sl_gcm_close(struct sl_gcm *gcm)
{
    EVP_CIPHER_CTX_free(gcm->rtp); /* clears the key */
    EVP_CIPHER_CTX_free(gcm->rtcp);
    explicit_bzero(gcm, sizeof(*gcm));
}

/* ---- One packet ---- */

/* RFC 7714 sections 8.1 and 9.1: 00 00, SSRC, and 48 bits of number, xor salt. */
static void make_nonce(uint8_t nonce[SL_GCM_SALT_BYTES], const uint8_t *salt, uint32_t ssrc,
                       uint64_t number)
{
    sl_put64(nonce + 4, number);
    sl_put16(nonce, 0);
    sl_put32(nonce + 2, ssrc);
    for (int i = 0; i < SL_GCM_SALT_BYTES; i++)
        nonce[i] ^= salt[i];
}

struct clear {
    const uint8_t *data;
    size_t len;
};

static bool begin(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct clear clear)
{
    int done;
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &done, clear.data, (int)clear.len) == 1;
}

/* The tag comes behind. */
static int seal(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct clear clear, uint8_t *data,
                size_t len)
{
    int done;
    if (!begin(ctx, nonce, clear) ||
        (len && EVP_CipherUpdate(ctx, data, &done, data, (int)len) != 1) ||
        EVP_CipherFinal_ex(ctx, data + len, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SL_GCM_TAG_BYTES, data + len) != 1)
        return -EINVAL;
    return 0;
}

static int unseal(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct clear clear, uint8_t *data,
                  size_t len)
{
    int done;
    if (!begin(ctx, nonce, clear) ||
        (len && EVP_CipherUpdate(ctx, data, &done, data, (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SL_GCM_TAG_BYTES, data + len) != 1 ||
        EVP_CipherFinal_ex(ctx, data + len, &done) != 1)
        return -EACCES;
    return 0;
}

/* ---- RTP ---- */

int sl_gcm_seal_rtp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data, size_t header,
                    size_t len)
{
    const int64_t number = sl_replay_extend(&source->rtp, sl_get16(data + 2));
    if (sl_replay_check(&source->rtp, number) == SL_REPLAY_OLD || number > RTP_NUMBER_MAX)
        return -EINVAL;
    uint8_t nonce[SL_GCM_SALT_BYTES];
    make_nonce(nonce, gcm->rtp_salt, sl_get32(data + 8), (uint64_t)number);
    const int error =
        seal(gcm->rtp, nonce, (struct clear){data, header}, data + header, len - header);
    if (error < 0)
        return error;
    sl_replay_commit(&source->rtp, number);
    return (int)len + SL_GCM_TAG_BYTES;
}

int sl_gcm_unseal_rtp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data,
                      size_t header, size_t len)
{
    const int64_t number = sl_replay_extend(&source->rtp, sl_get16(data + 2));
    if (sl_replay_check(&source->rtp, number) != SL_REPLAY_FRESH)
        return -EALREADY;
    if (number > RTP_NUMBER_MAX)
        return -EACCES;
    uint8_t nonce[SL_GCM_SALT_BYTES];
    make_nonce(nonce, gcm->rtp_salt, sl_get32(data + 8), (uint64_t)number);
    const size_t plain = len - SL_GCM_TAG_BYTES;
    const int error =
        unseal(gcm->rtp, nonce, (struct clear){data, header}, data + header, plain - header);
    if (error < 0)
        return error;
    sl_replay_commit(&source->rtp, number);
    return (int)plain;
}

/* ---- RTCP: the tag, then E bit and index; both are authenticated with the header ---- */

static struct clear rtcp_clear(uint8_t out[RTCP_HEADER + INDEX_BYTES], const uint8_t *data,
                               uint32_t word)
{
    memcpy(out, data, RTCP_HEADER);
    sl_put32(out + RTCP_HEADER, word);
    return (struct clear){out, RTCP_HEADER + INDEX_BYTES};
}

int sl_gcm_seal_rtcp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data, size_t len)
{
    uint8_t nonce[SL_GCM_SALT_BYTES], clear[RTCP_HEADER + INDEX_BYTES];
    if (source->rtcp_sent == RTCP_INDEX_MAX)
        return -EINVAL;
    const uint32_t index = source->rtcp_sent + 1;
    make_nonce(nonce, gcm->rtcp_salt, sl_get32(data + 4), index);
    const int error = seal(gcm->rtcp, nonce, rtcp_clear(clear, data, index | ENCRYPTED),
                           data + RTCP_HEADER, len - RTCP_HEADER);
    if (error < 0)
        return error;
    source->rtcp_sent = index;
    sl_put32(data + len + SL_GCM_TAG_BYTES, index | ENCRYPTED);
    return (int)len + SL_GCM_TAG_BYTES + INDEX_BYTES;
}

int sl_gcm_unseal_rtcp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data, size_t len)
{
    uint8_t nonce[SL_GCM_SALT_BYTES], clear[RTCP_HEADER + INDEX_BYTES];
    const size_t plain = len - SL_GCM_TAG_BYTES - INDEX_BYTES;
    const uint32_t word = sl_get32(data + len - INDEX_BYTES), index = word & RTCP_INDEX_MAX;
    if (sl_replay_check(&source->rtcp, index) != SL_REPLAY_FRESH)
        return -EALREADY;
    make_nonce(nonce, gcm->rtcp_salt, sl_get32(data + 4), index);
    const int error = unseal(gcm->rtcp, nonce, rtcp_clear(clear, data, word), data + RTCP_HEADER,
                             plain - RTCP_HEADER);
    if (error < 0)
        return error;
    sl_replay_commit(&source->rtcp, index);
    return (int)plain;
}
