/* Which numeric addresses a user may make us call: public unicast only, by class and not by a list
 * of known bad hosts (IANA special-purpose registries; F-48 of contracts/assurance.md). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lane.h"
#include "net.h"

struct range4 {
	uint32_t prefix;
	unsigned bits;
};

static const struct range4 special4[] = {
	{0x00000000, 8},  /* 0.0.0.0/8: this network */
	{0x0a000000, 8},  /* 10.0.0.0/8: private */
	{0x64400000, 10}, /* 100.64.0.0/10: carrier-grade NAT */
	{0x7f000000, 8},  /* 127.0.0.0/8: loopback */
	{0xa9fe0000, 16}, /* 169.254.0.0/16: link-local, cloud metadata */
	{0xac100000, 12}, /* 172.16.0.0/12: private */
	{0xc0000000, 24}, /* 192.0.0.0/24: IETF protocol assignments */
	{0xc0000200, 24}, /* 192.0.2.0/24: documentation */
	{0xc0586300, 24}, /* 192.88.99.0/24: 6to4 relays */
	{0xc0a80000, 16}, /* 192.168.0.0/16: private */
	{0xc6120000, 15}, /* 198.18.0.0/15: benchmarks */
	{0xc6336400, 24}, /* 198.51.100.0/24: documentation */
	{0xcb007100, 24}, /* 203.0.113.0/24: documentation */
	{0xe0000000, 4},  /* 224.0.0.0/4: multicast */
	{0xf0000000, 4},  /* 240.0.0.0/4: reserved, broadcast */
};

struct range6 {
	uint32_t prefix; /* the first 32 bits are enough */
	unsigned bits;
};

/* Within 2000::/3; all else is refused anyway: ::1, v4-mapped, NAT64, ULA, link-local, site-local,
 * multicast. */
static const struct range6 special6[] = {
	{0x20010000, 23}, /* 2001::/23: Teredo, ORCHID, benchmarks */
	{0x20010db8, 32}, /* 2001:db8::/32: documentation */
	{0x20020000, 16}, /* 2002::/16: 6to4, carries any IPv4 address */
	{0x3fff0000, 20}, /* 3fff::/20: documentation */
};

static bool in_prefix(uint32_t address, uint32_t prefix, unsigned bits)
{
	return (address ^ prefix) >> (32 - bits) == 0;
}

static bool public4(uint32_t address)
{
	for (size_t i = 0; i < ARRAY_LEN(special4); i++)
		if (in_prefix(address, special4[i].prefix, special4[i].bits))
			return false;
	return true;
}

static bool public6(const struct in6_addr *address)
{
	uint32_t first;

	memcpy(&first, address, sizeof(first));
	first = ntohl(first);
	if (!in_prefix(first, 0x20000000, 3))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(special6); i++)
		if (in_prefix(first, special6[i].prefix, special6[i].bits))
			return false;
	return true;
}

bool net_address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof(v4));
		return public4(ntohl(v4.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof(v6));
		return public6(&v6.sin6_addr);
	}
	return false;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof(v4));
		return in_prefix(ntohl(v4.sin_addr.s_addr), 0x7f000000, 8);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof(v6));
		return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
	}
	return false;
}

bool net_address_allowed(enum lane_policy policy, const struct sockaddr *address)
{
	switch (policy) {
	case LANE_ANY:
		return address->sa_family == AF_INET || address->sa_family == AF_INET6;
	case LANE_PUBLIC:
		return net_address_is_public(address);
	case LANE_LOOPBACK:
		return is_loopback(address);
	case LANE_POLICY_MAX:
		break;
	}
	return false;
}
