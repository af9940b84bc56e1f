/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Walks from a new task to its ancestors and records each of them. Every load behind `task` is a PROBE_MEM load: an
 * ancestor that was freed, or never was, reads as zero and the walk goes on.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define HOPS 4
#define COMM 16

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct hop {
	__u64 task;
	__u64 start_time;
	__s32 pid;
	__s32 tgid;
	char comm[COMM];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HOPS);
	__type(key, __u32);
	__type(value, struct hop);
} hops SEC(".maps");

static __always_inline void record(__u32 index, struct task_struct *task)
{
	struct hop *hop = bpf_map_lookup_elem(&hops, &index);

	if (!hop)
		return;
	hop->task = (__u64)task;
	hop->start_time = task->start_time;
	hop->pid = task->pid;
	hop->tgid = task->tgid;
	for (int i = 0; i < COMM; i++)
		hop->comm[i] = task->comm[i];
}

SEC("fentry/wake_up_new_task")
int BPF_PROG(task_walk, struct task_struct *task)
{
	record(0, task);
	task = task->real_parent;
	record(1, task);
	task = task->real_parent;
	record(2, task);
	task = task->real_parent;
	record(3, task);
	return 0;
}
