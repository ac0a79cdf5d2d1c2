/* net_address_is_public(): every class of F-48, its first and last address and the neighbours. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fcgi/core/metrics.h"
#include "fcgi/net/lane.h"
#include "fcgi/net/net.h"

#include <cmocka.h>

void metrics_add(enum metric m, i64 n)
{
	(void)m, (void)n;
}

static const struct {
	const char *address;
	bool is_public;
} cases[] = {
	{"0.0.0.0", false},
	{"0.255.255.255", false},
	{"1.0.0.0", true},
	{"1.1.1.1", true},
	{"8.8.8.8", true},
	{"9.255.255.255", true},
	{"10.0.0.0", false},
	{"10.255.255.255", false},
	{"11.0.0.0", true},
	{"100.63.255.255", true},
	{"100.64.0.0", false},
	{"100.127.255.255", false},
	{"100.128.0.0", true},
	{"126.255.255.255", true},
	{"127.0.0.0", false},
	{"127.0.0.1", false},
	{"127.255.255.255", false},
	{"128.0.0.0", true},
	{"169.253.255.255", true},
	{"169.254.0.0", false},
	{"169.254.169.254", false},
	{"169.254.255.255", false},
	{"169.255.0.0", true},
	{"172.15.255.255", true},
	{"172.16.0.0", false},
	{"172.31.255.255", false},
	{"172.32.0.0", true},
	{"191.255.255.255", true},
	{"192.0.0.0", false},
	{"192.0.0.255", false},
	{"192.0.1.0", true},
	{"192.0.2.0", false},
	{"192.0.2.255", false},
	{"192.0.3.0", true},
	{"192.88.99.1", false},
	{"192.167.255.255", true},
	{"192.168.0.0", false},
	{"192.168.255.255", false},
	{"192.169.0.0", true},
	{"198.17.255.255", true},
	{"198.18.0.0", false},
	{"198.19.255.255", false},
	{"198.20.0.0", true},
	{"198.51.100.0", false},
	{"198.51.100.255", false},
	{"198.51.101.0", true},
	{"203.0.112.255", true},
	{"203.0.113.0", false},
	{"203.0.113.255", false},
	{"203.0.114.0", true},
	{"223.255.255.255", true},
	{"224.0.0.0", false},
	{"239.255.255.255", false},
	{"240.0.0.0", false},
	{"255.255.255.255", false},

	{"::", false},
	{"::1", false},
	{"::8.8.8.8", false},
	{"::ffff:127.0.0.1", false},
	{"::ffff:10.0.0.1", false},
	{"::ffff:8.8.8.8", false},
	{"::ffff:0:8.8.8.8", false},
	{"64:ff9b::7f00:1", false},
	{"64:ff9b::808:808", false},
	{"64:ff9b:1::a00:1", false},
	{"100::1", false},
	{"1fff:ffff::1", false},
	{"2000::1", true},
	{"2001::1", false},
	{"2001:0:53aa:64c:0:fbff:80ff:fffe", false},
	{"2001:2::1", false},
	{"2001:10::1", false},
	{"2001:20::1", false},
	{"2001:1ff:ffff::1", false},
	{"2001:200::1", true},
	{"2001:4860:4860::8888", true},
	{"2001:db7:ffff::1", true},
	{"2001:db8::1", false},
	{"2001:db8:ffff::1", false},
	{"2001:db9::1", true},
	{"2002:7f00:1::1", false},
	{"2002:a00:1::1", false},
	{"2002:c0a8:101::1", false},
	{"2002:808:808::1", false},
	{"2003::1", true},
	{"2606:4700:4700::1111", true},
	{"2a00:1450:4001::1", true},
	{"3ffe:ffff::1", true},
	{"3fff::1", false},
	{"3fff:fff:ffff::1", false},
	{"3fff:1000::1", true},
	{"4000::1", false},
	{"5f00::1", false},
	{"fc00::1", false},
	{"fd12:3456::1", false},
	{"fe80::1", false},
	{"febf::1", false},
	{"fec0::1", false},
	{"feff::1", false},
	{"ff00::1", false},
	{"ff02::1", false},
	{"ff0e::1", false},
};

static const struct sockaddr *read_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	*ret = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		memcpy(ret, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		memcpy(ret, &v6, sizeof(v6));
	else
		fail_msg("%s is no address", text);
	return (const struct sockaddr *)ret;
}

static void test_classes(void **state)
{
	struct sockaddr_storage storage;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct sockaddr *address = read_address(cases[i].address, &storage);
		if (net_address_is_public(address) != cases[i].is_public)
			fail_msg("%s: not %s", cases[i].address,
				cases[i].is_public ? "public" : "refused");
		assert_int_equal(net_address_allowed(LANE_PUBLIC, address), cases[i].is_public);
		assert_true(net_address_allowed(LANE_ANY, address));
	}
}

static void test_other_families(void **state)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	const struct sockaddr *address = (const struct sockaddr *)&local;

	(void)state;
	assert_false(net_address_is_public(address));
	for (int policy = LANE_ANY; policy <= LANE_LOOPBACK; policy++)
		assert_false(net_address_allowed((enum lane_policy)policy, address));
}

static void test_loopback(void **state)
{
	static const struct {
		const char *address;
		bool is_loopback;
	} loopback_cases[] = {{"127.0.0.1", true}, {"127.9.8.7", true}, {"::1", true},
		{"0.0.0.0", false}, {"126.0.0.1", false}, {"128.0.0.1", false}, {"::", false},
		{"::ffff:127.0.0.1", false}, {"10.0.0.1", false}};
	struct sockaddr_storage storage;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(loopback_cases); i++) {
		print_message("  %s\n", loopback_cases[i].address);
		assert_int_equal(net_address_allowed(LANE_LOOPBACK,
					 read_address(loopback_cases[i].address, &storage)),
			loopback_cases[i].is_loopback);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
