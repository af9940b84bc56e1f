/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Counts opened files by inode. `file` is trusted; what it leads to is not, so loads behind the dentry are PROBE_MEM
 * loads. Allows every open.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define NAME 8
/* With a constant index each byte is relocated by itself: the array's size differs between kernels. */
#define COPY(i) (known->name[i] = dentry->d_iname[i])

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct opened {
	__u64 count;
	__u64 size;
	__u32 mode;
	__u32 name_length;
	char name[NAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct opened);
} opens SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	struct inode *inode = dentry->d_inode;
	__u64 number = inode->i_ino;
	struct opened *known = bpf_map_lookup_elem(&opens, &number);

	if (!known) {
		struct opened fresh = {};

		bpf_map_update_elem(&opens, &number, &fresh, BPF_NOEXIST);
		known = bpf_map_lookup_elem(&opens, &number);
		if (!known)
			return 0;
	}
	__sync_fetch_and_add(&known->count, 1);
	known->size = inode->i_size;
	known->mode = inode->i_mode;
	known->name_length = dentry->d_name.len;
	COPY(0), COPY(1), COPY(2), COPY(3), COPY(4), COPY(5), COPY(6), COPY(7);
	return 0;
}
