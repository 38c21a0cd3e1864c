// hakmem beyond malloc: gauges, trimming, sizes, a look into the heap,
// configuration, a pool of fixed size. C and C++.
//
// Every function may be called from any thread, also before main and after
// exit handlers have begun. None allocates. The last lines of each comment say
// what a call costs and whether it is async-signal-safe; one that is not must
// not be called in a signal handler.

#ifndef HAKMEM_H_
#define HAKMEM_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// "release", "hardened" or "checked".
// Cost: none. Thread-safe, async-signal-safe.
const char* hak_variant(void);
// As in the name of the package, e.g. "0.1.0".
// Cost: none. Thread-safe, async-signal-safe.
const char* hak_version(void);

// --- gauges

enum { HAK_CLASSES = 36 };

struct hak_class_stats {
  size_t stride;         // bytes from block to block; a block holds one less
  size_t slabs;          // of 64 KiB, that hold blocks of this class
  size_t used_blocks;    // live, or in the cache of a thread
  size_t cached_blocks;  // of these, in caches: now in the calling thread's, in
                         // others' when these last refilled or flushed
  uint64_t refilled;     // blocks that ever left slabs, and came back
  uint64_t flushed;
};

// Bytes unless said otherwise. live + cached <= committed holds at any time.
// Under load each value is exact at some moment of the call, but not all at the
// same: committed <= mapped holds once all threads are quiet. What one thread
// frees of another's counts as live until that one, or hak_trim, finds it; what
// other threads have in their caches is known to a batch for each class. Blocks
// of 0 bytes are in none of them in hardened, which has no memory for them.
struct hak_stats {
  size_t live;       // in blocks that the program holds, with their rounding
  size_t cached;     // in blocks that threads keep for their next malloc
  size_t committed;  // in slabs and spans that are in use, and free dirty ones
  size_t dirty;      // free, but not given back to the kernel (yet)
  size_t mapped;     // address space of the heap
  size_t peak_mapped;
  size_t purged;        // ever given back
  size_t metadata;      // descriptors, beside `mapped`
  size_t large_blocks;  // above the size classes, with those that threads keep,
  size_t large_bytes;   // which but for the calling one's count as live
  size_t huge_blocks;   // mappings of their own; also in live, mapped
  size_t huge_bytes;
  size_t heaps;  // one per thread that ever allocated at the same time
  uint64_t slabs_from_pool;  // how often each stage served a slab
  uint64_t slabs_from_mapping;
  size_t live_blocks;      // how many, of all sizes
  size_t cached_blocks;    // how many, of the size classes
  size_t purges;           // how often something was given back
  uint64_t foreign_frees;  // routed to libc's heap (checked only)
  struct hak_class_stats classes[HAK_CLASSES];
};

// In C++ the function hides the struct's constructor, as stat() does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
// Fills in `*stats`.
// Cost: a few microseconds, one lock per heap and four others, each held for
// tens of additions, and a look at each slab that is in use, without a lock.
// Thread-safe. Not async-signal-safe.
void hak_stats(struct hak_stats* stats);
#pragma GCC diagnostic pop

enum hak_format { HAK_TEXT = 0, HAK_JSON = 1 };

// Writes the same but for `refilled` and `flushed`, and a line for each heap,
// with write(2). The checked variant adds foreign_frees, what its locks counted
// about themselves (acquired, contended, spins, waits, waited and longest
// wait), summed by name, and which stage of the acquire served the slabs.
// Returns 0, or -1 with errno EINVAL for an unknown format.
// Cost: that of hak_stats, one lock per heap once more, and a write(2) for each
// 512 bytes. Thread-safe. Not async-signal-safe.
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

// --- memory

// Gives memory back. Level 0: down to half of what may stay dirty at any time;
// 1: all free memory that can be had without stopping other threads. Returns
// the bytes given back.
// Cost: system calls in proportion; level 1 walks over all slabs, heap by heap,
// under the heap's lock. Thread-safe. Not async-signal-safe.
size_t hak_trim(int level);

// What malloc_usable_size returns, also on musl and in C++. Ends the process,
// as free does, if this is no live block.
// Cost: as free; a lock for mappings of their own. Thread-safe. Not
// async-signal-safe.
size_t hak_usable_size(const void* block);

// free with the size that was asked for. Aborts if it cannot be that block's
// size: hardened, unless it is exact.
// Cost: as free. Thread-safe. Not async-signal-safe.
void hak_free_sized(void* block, size_t size);

// --- a look into the heap: in lib/libhakmem_see.a (Bazel: //:hakmem_see). What
// a program does not call is not linked.

enum hak_block_state {
  HAK_BLOCK_LIVE = 1,     // the program holds it
  HAK_BLOCK_FREE = 2,     // free, or on its way there through a thread's cache
  HAK_BLOCK_DAMAGED = 3,  // its header byte was overwritten
  HAK_BLOCK_UNSURE = 4,   // not free in its slab, whose lock could not be had
};
enum hak_block_kind {
  HAK_KIND_SMALL = 1,  // of a size class
  HAK_KIND_LARGE = 2,  // up to 32 MiB; free: neighbours may be one
  HAK_KIND_HUGE = 3,   // a mapping of its own; release: a few from 128 KiB on
};

struct hak_block {
  const void* start;
  size_t size;    // bytes that the program may use; hardened: that it asked for
  size_t stride;  // to the next block
  size_t offset;  // of the address that was asked about; >= size: past the end
  int state;      // enum hak_block_state
  int kind;       // enum hak_block_kind
  int size_class;  // 0 to HAK_CLASSES - 1; -1 if the kind is not small
  unsigned heap;   // the id of the heap that owns it; 0: none does
};

// Which block an address lies in, any address: 1 and `*block` filled in; 0: in
// none, or in one of 0 bytes that has no byte to lie in (hardened: all of them;
// release: some); -1: a lock was not to be had, ask again.
// Cost: a lock; waits for it for a hundred turns of the scheduler at most. For
// an address outside the window of small blocks a walk over the list of Huge
// ones. Thread-safe, async-signal-safe.
int hak_block_of(const void* address, struct hak_block* block);

// Calls `use(context, block)` for every block that is not free in its slab:
// live ones, damaged ones, and free ones that are in a cache, Huge ones last.
// Stops as soon as it returns something else than 0, and returns that. A block
// that lives throughout is seen once; one that comes or goes meanwhile may be.
// No lock is held while `use` runs, so it may allocate and free.
// Cost: a lock per slab, held for as long as its blocks are looked at (2,048 at
// most), and up to 6 KiB of stack. Thread-safe. Not async-signal-safe.
int hak_for_each_block(int (*use)(void* context, const struct hak_block* block),
                       void* context);

struct hak_heap_stats {
  unsigned id;       // as in hak_block.heap
  int idle;          // its thread has ended; it waits for another
  size_t slabs;      // that belong to it
  size_t used;       // bytes in their blocks that are live or cached
  size_t cached;     // bytes in its thread's cache, whoever owns their slabs
  size_t committed;  // bytes of its slabs' pages that were written; >= used
};

// Fills in at most `count` heaps, newest first. Returns how many there are.
// Cost: a lock per heap, held for some additions for each class. Thread-safe.
// Not async-signal-safe.
size_t hak_heaps(struct hak_heap_stats* heaps, size_t count);

// From now on SIGSEGV, SIGBUS and SIGABRT write to `fd` what the allocator
// knows about the fault before the process ends as it would have ended anyway:
// with the handler that was there before, or by default and with its core.
// Lines begin with "hakmem: crash: " and say
//   - the signal, the address, pc, sp and the thread,
//   - the last words, if it was hakmem that aborted,
//   - what lies at the address, at addresses in the last words, and at those
//     registers which point into the heap: "0x... is 12 bytes into a live block
//     at 0x... (Tiny class 3, 64 bytes) of heap 2, header intact",
//   - gauges.
// The handler uses write(2) only, takes no lock that is held, and runs on a
// stack of its own in the thread that calls this and in all that first allocate
// later: call it early in main. One report per process. Returns 0, or -1 with
// errno EBADF (no such descriptor), EALREADY (they are reported already) or
// ENOMEM (no stack).
// lib/hakmem_crash.o (Bazel: //:hakmem_crash) does it before main with fd 2, if
// it is only linked in.
// Cost: a mapping of some pages per thread. Thread-safe. Not async-signal-safe.
int hak_report_crashes(int fd);

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
  // 1: asks for huge pages (MADV_HUGEPAGE), everywhere and for good; what was
  // given back may then come back with them. Otherwise small pages are asked
  // for.
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
