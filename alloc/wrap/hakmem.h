// hakmem beyond malloc: gauges, trimming, sizes. C and C++.
//
// Every function may be called from any thread, also before main and after
// exit handlers have begun. None allocates. None is async-signal-safe unless
// its comment says so.

#ifndef HAKMEM_H_
#define HAKMEM_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// "release", "hardened" or "checked". Async-signal-safe.
const char* hak_variant(void);
// As in the name of the package, e.g. "0.1.0". Async-signal-safe.
const char* hak_version(void);

enum { HAK_CLASSES = 32 };

struct hak_class_stats {
  size_t stride;         // bytes from block to block; a block holds one less
  size_t slabs;          // of 64 KiB, that hold blocks of this class
  size_t used_blocks;    // live, or in the cache of a thread
  size_t cached_blocks;  // of these, in caches when their thread last refilled
                         // or flushed: exact to a batch per thread
  uint64_t refilled;     // blocks that ever left slabs, and came back
  uint64_t flushed;
};

// Bytes unless said otherwise. live + cached <= committed <= mapped holds once
// all threads are quiet; under load each value is exact at some moment of the
// call, but not all at the same.
struct hak_stats {
  size_t live;       // in blocks that the program holds, with their rounding
  size_t cached;     // in blocks that threads keep for their next malloc
  size_t committed;  // in slabs and spans that are in use, and free dirty ones
  size_t dirty;      // free, but not given back to the kernel (yet)
  size_t mapped;     // address space of the heap
  size_t peak_mapped;
  size_t purged;        // ever given back
  size_t metadata;      // descriptors, beside `mapped`
  size_t large_blocks;  // above the size classes
  size_t large_bytes;
  size_t huge_blocks;  // mappings of their own; also in live, mapped
  size_t huge_bytes;
  size_t heaps;  // one per thread that ever allocated at the same time
  uint64_t slabs_from_pool;  // which stage served each slab
  uint64_t slabs_from_mapping;
  uint64_t foreign_frees;  // routed to libc's heap (checked only)
  struct hak_class_stats classes[HAK_CLASSES];
};

// In C++ the function hides the struct's constructor, as stat() does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
// Fills in `*stats`. Cost: a few microseconds, plus one short lock per heap.
void hak_stats(struct hak_stats* stats);
#pragma GCC diagnostic pop

enum hak_format { HAK_TEXT = 0, HAK_JSON = 1 };

// Writes the same with write(2). Returns 0, or -1 with errno EINVAL for an
// unknown format.
int hak_stats_write(int fd, int format);

// Writes an image of the heap with write(2), some 70 bytes for each slab, for
// hakmem-view, which makes a page to look at of it. Returns 0, or -1 with the
// errno of write(2), and then the image is not complete. Cost: a look at every
// block that is in use; one short lock per slab. In an object of its own, see
// README.md: hakmem_dump.
int hak_dump(int fd);

// Which code allocated what is alive, by samples: hakmem_profile, an object of
// its own as well. From hak_profile_start on about one sample is taken every
// `interval` bytes (0: 512 KiB) that a thread allocates, larger blocks more
// likely than small ones; the tables have a fixed size, 16,384 live samples
// and 1,023 places. Meanwhile threads keep no small blocks back, so every
// malloc and free is a slow one. A thread that was running before joins size
// by size, when its cache next runs empty or full: start early. What was
// allocated before is not seen. Returns 0, or -1 with EINVAL.
int hak_profile_start(size_t interval);
// Full speed again. What was sampled stays until the next start, but blocks
// that are freed and reused from now on look alive: write first.
void hak_profile_stop(void);
// Writes the samples in the text format that pprof reads ("heap_v2"), with
// /proc/self/maps at its end. Returns 0, or -1 with the errno of write(2), or
// EBUSY: another thread is writing one.
int hak_profile_write(int fd);
// The 30 places with the most live bytes, estimated, as a table.
int hak_profile_top(int fd);

// Gives memory back. Level 0: what the rule of volume would give back anyway;
// 1: all free memory that can be had without stopping other threads. Returns
// the bytes given back. Cost: system calls in proportion.
size_t hak_trim(int level);

// What malloc_usable_size returns, also on musl and in C++.
size_t hak_usable_size(const void* block);

// free with the size that was asked for. Hardened and checked abort if it
// cannot be that block's size; release ignores it.
void hak_free_sized(void* block, size_t size);

#ifdef __cplusplus
}
#endif

#endif  // HAKMEM_H_
