/* SPDX-License-Identifier: MIT */
/* Record rule: when a camera is recorded, as an admin set it. */
#pragma once

#include "base/types.h"

enum sl_record_mode { SL_RECORD_ALWAYS, SL_RECORD_MOTION, SL_RECORD_OFF };

#define SL_RECORD_PRE_DEFAULT (5 * SL_SEC)
#define SL_RECORD_POST_DEFAULT (10 * SL_SEC)
#define SL_RECORD_PRE_MAX (60 * SL_SEC)
#define SL_RECORD_POST_MAX (3600 * SL_SEC)

struct sl_record_rule {
    enum sl_record_mode mode;
    sl_ns pre, post; /* MOTION: so long before it begins, and after it has ended */
};

static inline struct sl_record_rule sl_record_rule_default(void)
{
    return (struct sl_record_rule){
        .mode = SL_RECORD_ALWAYS, .pre = SL_RECORD_PRE_DEFAULT, .post = SL_RECORD_POST_DEFAULT};
}
