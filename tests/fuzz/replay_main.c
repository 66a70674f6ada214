/* SPDX-License-Identifier: MIT */
/*
 * Replays a corpus through LLVMFuzzerTestOneInput without libFuzzer, then each file cut short at
 * every length and with every 7th byte damaged, so that CI does more than repeat itself. A target
 * whose inputs are scripts of many datagrams is played from the beginning for each: it may say how
 * many cuts of a file suffice, as a script that ends sooner does little that the whole did not.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const size_t sl_replay_cuts __attribute__((weak));

static void feed(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1); /* exact size, so that ASan sees one byte too far */
    if (!exact)
        abort();
    memcpy(exact, data, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    static uint8_t data[1 << 20];
    const size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);
    feed(data, len);
    const size_t step = len > 2048 ? len / 1024 : 1;
    const size_t enough = &sl_replay_cuts ? 1 + len / sl_replay_cuts : 1;
    for (size_t cut = 0; cut<len; cut += enough> step ? enough : step)
        feed(data, cut);
    for (size_t i = 0; i < len; i += 7 * step) {
        const uint8_t kept = data[i];
        data[i] = (uint8_t)~kept;
        feed(data, len);
        data[i] = 0xff;
        feed(data, len);
        data[i] = kept;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0, files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            failed |= replay(path);
            files++;
        }
        closedir(dir);
    }
    printf("%d corpus files\n", files);
    return failed || files == 0; /* an empty corpus proves nothing */
}
