/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/drops.h"

static void what_a_full_socket_dropped(void **state)
{
    (void)state;
    static const uint8_t packet[1000];
    const int full = socket(AF_INET, SOCK_DGRAM, 0), source = socket(AF_INET, SOCK_DGRAM, 0);
    const int small = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    assert_int_equal(setsockopt(full, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(bind(full, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(full, (struct sockaddr *)&address, &len), 0);
    const int port = ntohs(address.sin_port);
    assert_int_equal(sl_drops_of_port(port), 0);
    assert_int_equal(sl_drops_own(), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(
            sendto(source, packet, sizeof(packet), 0, (struct sockaddr *)&address, len),
            sizeof(packet));
    const uint64_t drops = sl_drops_of_port(port);
    assert_true(drops > 0 && drops < 50);
    assert_int_equal(sl_drops_own(), drops);
    close(full);
    close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_full_socket_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
