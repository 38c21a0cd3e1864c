// hakmem beyond malloc: gauges, trimming, sizes, configuration, a pool of
// fixed size. C and C++.
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

// Gives memory back. Level 0: what the rule of volume would give back anyway;
// 1: all free memory that can be had without stopping other threads. Returns
// the bytes given back. Cost: system calls in proportion.
size_t hak_trim(int level);

// What malloc_usable_size returns, also on musl and in C++.
size_t hak_usable_size(const void* block);

// free with the size that was asked for. Hardened and checked abort if it
// cannot be that block's size; release ignores it.
void hak_free_sized(void* block, size_t size);

// ---- Configuration, compiled in.
//
// hakmem reads no environment variable and no file. Who wants something other
// than the defaults defines this in a source file of the program:
//
//   #include "hakmem.h"
//   const struct hak_config hak_config = {.heap_limit = 64 << 20};
//
// The definition must be linked as an object, not out of an archive, where
// nobody asks for it. What is not named is 0, and 0 is the default. All of it
// counts from the very first allocation on, which on glibc is before main. C++
// wants the fields in this order.
struct hak_config {
  // The most address space that blocks may take, as hak_stats.mapped counts
  // it, exact to the MiB in which it is taken; descriptors, about 1 %, come on
  // top. Beyond it malloc returns NULL. Less than a few MiB leave no room for
  // what libc itself allocates. 0: what the system gives.
  size_t heap_limit;
  // Free memory that is not given back to the system: max(dirty_bytes, an
  // eighth of what is alive), and more while what was given back is needed
  // again (alloc/README.md). 0: 512 KiB.
  size_t dirty_bytes;
  // The heap is this range and nothing else; use HAK_POOL. NULL: no pool.
  void* pool_begin;
  void* pool_end;
  void (*make_pool)(void* begin, void* end);
  // Called when there is no memory for a request of `bytes` (in hardened with
  // what it adds itself), in the thread that asked and with no lock held: it
  // may free and call hak_trim(1), and not longjmp. What it returns is 0
  // (malloc returns NULL) or not (malloc tries again, so return 0 once nothing
  // could be freed). Requests that it makes itself fail without another call.
  // NULL: nobody is asked.
  int (*on_pressure)(size_t bytes);
  // Gets the one line before an abort, its newline included, instead of
  // stderr; the abort follows. It must not allocate. NULL: write(2) to stderr.
  void (*on_abort)(const char* line, size_t bytes);
  // 1: free memory stays, for good, and blocks above 32 MiB are no mappings of
  // their own. Only hak_trim and the last try before NULL give some back
  // (hardened: and freed large blocks, of which it takes the pages away).
  unsigned char never_return;
  // 1: pages are there as soon as they are mapped, so that no later access
  // faults. With never_return memory that was in use once is always there.
  unsigned char prefault;
  // 1: MADV_FREE instead of MADV_DONTNEED: cheaper if the memory is needed
  // again, but the resident size falls only when the system is short of
  // memory. For Linux 4.5 and later: before, nothing would be given back.
  // Hardened ignores it, since what it gives back has to be zero.
  unsigned char lazy_free;
  // 1: asks for huge pages (MADV_HUGEPAGE). 0: asks for none, since what was
  // given back would come back with them.
  unsigned char thp;
};
extern const struct hak_config hak_config __attribute__((visibility("hidden")));

// ---- A pool: the heap is a buffer of the program's, and only that.
//
//   static char buffer[16 << 20] __attribute__((aligned(4096)));
//   const struct hak_config hak_config = {
//       HAK_POOL(buffer, buffer + sizeof buffer)};
//
// Begin and end may be symbols of a linker script, or those that the linker
// makes for a section (__start_NAME, __stop_NAME). From then on no system call
// maps, unmaps or advises memory, all blocks lie inside, and at the end malloc
// returns NULL. What the buffer holds at first does not matter. Each size class
// in use takes 64 KiB at least: of a few MiB that is much, from 16 MiB on it is
// not.
#define HAK_POOL(begin, end) \
  .pool_begin = (begin), .pool_end = (end), .make_pool = hak_make_pool

// The same at run time, before the first allocation; glibc itself makes that
// before any constructor runs, so there only HAK_POOL comes early enough.
// Returns 0, EBUSY after the first allocation, or EINVAL for a buffer that is
// smaller than HAK_MIN_POOL or larger than 31 GiB.
int hak_init_pool(void* buffer, size_t bytes);
// For HAK_POOL, at the first allocation: a pool that cannot be is an abort.
void hak_make_pool(void* begin, void* end);
#define HAK_MIN_POOL ((size_t)1 << 20)

// Bytes of the pool that blocks can have: all but descriptors, about 1 %. 0: no
// pool. (hak_stats.mapped counts whole MiB.)
size_t hak_pool_size(void);
// Of these: in slabs and spans that are in use, threads' caches included, and
// what is left. The two add up to the size once all threads are quiet.
size_t hak_pool_used(void);
size_t hak_pool_free(void);

#ifdef __cplusplus
}
#endif

#endif  // HAKMEM_H_
