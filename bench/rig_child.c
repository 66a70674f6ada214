/* SPDX-License-Identifier: MIT */
#include "bench/rig_child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"

void sl_words_add(struct sl_words *words, const char *word)
{
    if (words->count < SL_WORDS_MAX)
        words->argv[words->count++] = word;
    words->argv[words->count] = NULL;
}

void sl_words_add_list(struct sl_words *words, const struct sl_option_list *list)
{
    for (int i = 0; list && i < list->count; i++)
        sl_words_add(words, list->items[i]);
}

struct sl_words sl_words_of(const char *const *fixed)
{
    struct sl_words words = {.count = 0};
    for (; *fixed; fixed++)
        sl_words_add(&words, *fixed);
    return words;
}

void sl_words_split(struct sl_words *words, char *text)
{
    for (char *save, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        sl_words_add(words, word);
}

int sl_rig_child(struct sl_rig *rig, int place, const char *name, const struct sl_words *words,
                 enum sl_child_pipes pipes, char *why, size_t why_len)
{
    const int err = sl_child_start(&rig->children[place], words->argv, pipes, rig->log_fd);
    if (err != 0)
        snprintf(why, why_len, "%s: %s", words->argv[0], strerror(-err));
    else
        rig->names[place] = name;
    if (err == 0 && place >= rig->count)
        rig->count = place + 1;
    return err;
}

int sl_rig_free_udp_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int port = -1;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        port = ntohs(at.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

void sl_rig_own_program(const char *name, char out[PATH_MAX])
{
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(out, PATH_MAX, "%.3000s/%s", self, name);
}

int sl_rig_impair(struct sl_rig *rig, const char *words, int target_port, int *listen_port,
                  char *why, size_t why_len)
{
    char program[PATH_MAX], target[16], text[512], line[64];
    sl_rig_own_program("sightline-bench", program);
    snprintf(target, sizeof(target), "%d", target_port);
    snprintf(text, sizeof(text), "%s", words);
    const char *const fixed[] = {program, "impair", "0", target, "dir=up", NULL};
    struct sl_words all = sl_words_of(fixed);
    sl_words_split(&all, text);
    int err =
        sl_rig_child(rig, SL_RIG_IMPAIR, "impair", &all, SL_CHILD_IN | SL_CHILD_OUT, why, why_len);
    if (err != 0)
        return err;
    struct sl_child *child = &rig->children[SL_RIG_IMPAIR];
    err = sl_child_read_line(child, line, sizeof(line), 10 * SL_SEC);
    if (err == 0 && sscanf(line, "ready %d", listen_port) != 1)
        err = -EPROTO;
    if (err != 0)
        snprintf(why, why_len, "impair %s: does not get ready: %s", words, strerror(-err));
    rig->link_ready = sl_time_now();
    return err;
}
