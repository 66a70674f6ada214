/* SPDX-License-Identifier: MIT */
#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* In the child. `report` is closed by a successful exec. */
static _Noreturn void become(const char *const *argv, int in, int out, int log_fd, int report,
                             pid_t parent)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) { /* else it died before that was set */
        dup2(in >= 0 ? in : null, STDIN_FILENO);
        dup2(out >= 0 ? out : log_fd >= 0 ? log_fd : null, STDOUT_FILENO);
        dup2(log_fd >= 0 ? log_fd : null, STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    const int err = errno;
    ssize_t written = write(report, &err, sizeof(err));
    (void)written;
    _exit(127);
}

int sl_child_start(struct sl_child *ret, const char *const *argv, enum sl_child_pipes pipes,
                   int log_fd)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, report[2] = {-1, -1};
    int err = pipe2(report, O_CLOEXEC) == 0 ? 0 : -errno;
    if (err == 0 && (pipes & SL_CHILD_IN) && pipe2(in, O_CLOEXEC) != 0)
        err = -errno;
    if (err == 0 && (pipes & SL_CHILD_OUT) && pipe2(out, O_CLOEXEC) != 0)
        err = -errno;
    const pid_t parent = getpid();
    const pid_t pid = err == 0 ? fork() : -1;
    if (err == 0 && pid < 0)
        err = -errno;
    if (pid == 0)
        become(argv, in[0], out[1], log_fd, report[1], parent);
    close_if_open(&in[0]);
    close_if_open(&out[1]);
    close_if_open(&report[1]);
    int exec_err;
    if (pid > 0 && read(report[0], &exec_err, sizeof(exec_err)) == (ssize_t)sizeof(exec_err)) {
        waitpid(pid, NULL, 0);
        err = -exec_err;
    }
    close_if_open(&report[0]);
    if (err != 0) {
        close_if_open(&in[1]);
        close_if_open(&out[0]);
        return err;
    }
    *ret = (struct sl_child){.pid = pid, .in = in[1], .out = out[0]};
    return 0;
}

bool sl_child_running(struct sl_child *child)
{
    siginfo_t info = {.si_pid = 0};
    return child->pid > 0 &&
           waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

int sl_child_read_line(struct sl_child *child, char *line, size_t size, sl_ns timeout)
{
    const sl_ns deadline = sl_time_now() + timeout;
    for (size_t len = 0; len < size; len++) {
        const sl_ns left = deadline - sl_time_now();
        struct pollfd entry = {.fd = child->out, .events = POLLIN};
        const int got = poll(&entry, 1, left > 0 ? (int)(left / SL_MS) + 1 : 0);
        if (got == 0 || (got < 0 && errno == EINTR))
            return got ? -EINTR : -ETIMEDOUT;
        if (read(child->out, line + len, 1) != 1)
            return -EPIPE;
        if (line[len] == '\n') {
            line[len] = '\0';
            return 0;
        }
    }
    return -ENOBUFS;
}

int sl_child_stop(struct sl_child *child, sl_ns patience)
{
    int status = 0;
    close_if_open(&child->in);
    if (child->pid > 0) {
        const sl_ns deadline = sl_time_now() + patience;
        kill(child->pid, SIGTERM);
        pid_t got;
        while ((got = waitpid(child->pid, &status, WNOHANG)) == 0 && sl_time_now() < deadline)
            poll(NULL, 0, 2);
        if (got == 0) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, &status, 0);
        }
        child->pid = 0;
    }
    close_if_open(&child->out);
    return status;
}
