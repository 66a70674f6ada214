/* SPDX-License-Identifier: MIT */
/*
 * Input: a packet. As ciphertext it must be refused, without an effect; as plaintext it is either
 * refused or comes back the same from the other side.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "srtp/srtp.h"

#define PACKET_MAX 1500

typedef int protect(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size);
typedef int unprotect(struct sl_srtp *srtp, uint8_t *data, size_t len);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void try_packet(enum sl_srtp_profile profile, protect *seal, unprotect *open,
                       const uint8_t *data, size_t len)
{
    static const uint8_t key[SL_SRTP_KEY_MAX] = {1, 2, 3};
    struct sl_srtp *srtp;
    check(sl_srtp_create(&srtp, profile, key, key) == 0);
    /* Exactly as long as it may be, so that a byte too far is seen. */
    uint8_t *forged = malloc(len + 1), *sealed = malloc(len + SL_SRTP_TRAILER_MAX);
    check(forged && sealed);
    memcpy(forged, data, len);
    memcpy(sealed, data, len);
    check(open(srtp, forged, len) < 0);
    const int n = seal(srtp, sealed, len, len + SL_SRTP_TRAILER_MAX);
    if (n >= 0) {
        check((size_t)n > len && (size_t)n <= len + SL_SRTP_TRAILER_MAX);
        check(open(srtp, sealed, (size_t)n) == (int)len);
        check(memcmp(sealed, data, len) == 0);
    }
    struct sl_srtp_stats s;
    sl_srtp_stats(srtp, &s);
    check(s.offered == s.accepted + s.malformed + s.refused + s.replayed);
    check(s.accepted == s.protected_packets);
    free(forged);
    free(sealed);
    sl_srtp_destroy(srtp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready)
        check(sl_srtp_library_init() == 0);
    ready = true;
    if (size > PACKET_MAX)
        return 0;
    for (int profile = SL_SRTP_AEAD_AES_128_GCM; profile <= SL_SRTP_AES128_CM_SHA1_80; profile++) {
        try_packet((enum sl_srtp_profile)profile, sl_srtp_protect, sl_srtp_unprotect, data, size);
        try_packet((enum sl_srtp_profile)profile, sl_srtp_protect_rtcp, sl_srtp_unprotect_rtcp,
                   data, size);
    }
    return 0;
}
