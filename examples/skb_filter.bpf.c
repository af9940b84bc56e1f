/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Counts IPv4 packets and bytes by protocol and drops what is sent to the discard port. Reads packet bytes directly,
 * each behind a check against the packet's end.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ETH_P_IP 0x0800
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define PROTOCOLS 256
#define DISCARD_PORT 9

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct counter {
	__u64 packets;
	__u64 bytes;
	__u32 ifindex;
	__u32 mark;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTOCOLS);
	__type(key, __u32);
	__type(value, struct counter);
} protocols SEC(".maps");

SEC("tc")
int skb_filter(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct counter *counter;
	__u32 protocol;

	if ((void *)(ip + 1) > end)
		return TC_ACT_OK;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	protocol = ip->protocol;
	counter = bpf_map_lookup_elem(&protocols, &protocol);
	if (!counter)
		return TC_ACT_OK;
	counter->packets++;
	counter->bytes += skb->len;
	counter->ifindex = skb->ifindex;
	counter->mark = skb->mark;
	if (protocol != IPPROTO_UDP || ip->ihl != 5)
		return TC_ACT_OK;
	if ((void *)(udp + 1) > end)
		return TC_ACT_OK;
	return udp->dest == bpf_htons(DISCARD_PORT) ? TC_ACT_SHOT : TC_ACT_OK;
}
