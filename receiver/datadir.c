/* SPDX-License-Identifier: MIT */
#include "receiver/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX 16384

static SL_PRINTF(4, 5) int fail(const struct sl_datadir *datadir, int err, char *why,
                                const char *format, ...)
{
    char what[128];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(why, SL_STORE_WHY, "--data %.100s: %s", datadir->path, what);
    return err;
}

int sl_datadir_open(struct sl_datadir *ret, const char *path, char why[SL_STORE_WHY])
{
    struct sl_datadir datadir = {.dir = -1, .lock = -1};
    if (snprintf(datadir.path, sizeof(datadir.path), "%s", path) >= (int)sizeof(datadir.path))
        return fail(&datadir, -ENAMETOOLONG, why, "the path is too long");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(&datadir, -errno, why, "cannot make the directory: %s", strerror(errno));
    datadir.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (datadir.dir < 0)
        return fail(&datadir, -errno, why, "%s", strerror(errno));
    *ret = datadir;
    return 0;
}

void sl_datadir_close(struct sl_datadir *datadir)
{
    if (!datadir || !datadir->path[0])
        return;
    if (datadir->lock >= 0)
        close(datadir->lock);
    close(datadir->dir);
    datadir->path[0] = '\0';
}

int sl_datadir_lock(struct sl_datadir *datadir, char why[SL_STORE_WHY])
{
    const int fd = openat(datadir->dir, "receiver.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(datadir, -errno, why, "receiver.lock: %s", strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int err = errno == EWOULDBLOCK ? EBUSY : errno;
        close(fd);
        return fail(datadir, -err, why,
                    err == EBUSY ? "another receiver runs on it" : "receiver.lock: cannot lock");
    }
    datadir->lock = fd;
    return 0;
}

/* 0, -ENOENT, or another error after `why` was written. */
static int read_file(const struct sl_datadir *datadir, const char *name, char out[PEM_MAX],
                     char *why)
{
    const int fd = openat(datadir->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT
                               : fail(datadir, -errno, why, "%s: %s", name, strerror(errno));
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, out + len, PEM_MAX - 1 - len)) > 0)
        len += (size_t)got;
    const int err = got < 0 ? errno : 0;
    close(fd);
    if (err)
        return fail(datadir, -err, why, "%s: %s", name, strerror(err));
    out[len] = '\0';
    return 0;
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t put = write(fd, text, left);
        if (put < 0)
            return -errno;
        text += put;
        left -= (size_t)put;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

static int write_file(const struct sl_datadir *datadir, const char *name, const char *text,
                      char *why)
{
    char beside[64];
    snprintf(beside, sizeof(beside), "%s.new", name);
    const int fd = openat(datadir->dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(datadir, -errno, why, "%s: %s", beside, strerror(errno));
    int err = fchmod(fd, 0600) == 0 ? write_all(fd, text) : -errno;
    close(fd);
    if (err == 0 &&
        (renameat(datadir->dir, beside, datadir->dir, name) != 0 || fsync(datadir->dir) != 0))
        err = -errno;
    if (err == 0)
        return 0;
    (void)unlinkat(datadir->dir, beside, 0);
    return fail(datadir, err, why, "%s: %s", name, strerror(-err));
}

/* The key first: a certificate is there only when its key is. */
static int make_identity(struct sl_datadir *datadir, struct sl_dtls_identity **ret, char *why)
{
    struct sl_dtls_identity *identity;
    int err = sl_dtls_identity_generate(&identity, "sightline-receiver");
    if (err != 0)
        return fail(datadir, err, why, "cannot make a key: %s", strerror(-err));
    err = write_file(datadir, "key.pem", sl_dtls_identity_key_pem(identity), why);
    if (err == 0)
        err = write_file(datadir, "cert.pem", sl_dtls_identity_certificate_pem(identity), why);
    if (err != 0) {
        sl_dtls_identity_destroy(identity);
        return err;
    }
    *ret = identity;
    return 0;
}

static int load_or_make(struct sl_datadir *datadir, struct sl_dtls_identity **ret, char *key,
                        char *certificate, char *why)
{
    const int no_key = read_file(datadir, "key.pem", key, why);
    if (no_key && no_key != -ENOENT)
        return no_key;
    const int no_certificate = read_file(datadir, "cert.pem", certificate, why);
    if (no_certificate && no_certificate != -ENOENT)
        return no_certificate;
    if (no_certificate) /* none, or the making of it was cut short: no link was given out yet */
        return make_identity(datadir, ret, why);
    if (no_key)
        return fail(
            datadir, -ENOENT, why,
            "key.pem is gone; restore it, or remove cert.pem too and enrol everything anew");
    const int err = sl_dtls_identity_from_pem(ret, certificate, key);
    return err ? fail(datadir, err, why, "cert.pem and key.pem are not a pair of PEM files") : 0;
}

int sl_datadir_identity(struct sl_datadir *datadir, struct sl_dtls_identity **ret,
                        char why[SL_STORE_WHY])
{
    char key[PEM_MAX], certificate[PEM_MAX];
    /* The first `run` and the first `camera add` may come at the same time. */
    if (flock(datadir->dir, LOCK_EX) != 0)
        return fail(datadir, -errno, why, "cannot lock: %s", strerror(errno));
    const int err = load_or_make(datadir, ret, key, certificate, why);
    OPENSSL_cleanse(key, sizeof(key));
    (void)flock(datadir->dir, LOCK_UN);
    return err;
}
