// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the slow paths of small blocks, for the boxes above.
// Locks: none held by the caller.   Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_SMALL_H_
#define HAKMEM_ALLOC_TINY_SMALL_H_

#include <cstddef>
#include <cstdint>

#include "alloc/tiny/size_class.h"
#include "platform/cpu.h"

namespace hakmem::tiny {

// A block of at least `bytes` <= kMaxSmall after the fast path gave up: fills
// the thread's cache. nullptr: no memory; errno is the caller's business.
[[nodiscard]] HAK_COLD void* MallocSlow(size_t bytes);

// A block at a multiple of `alignment`, a power of two in 32..kMaxAlignment,
// of at least `bytes` <= kMaxSmall. nullptr: no memory.
inline constexpr size_t kMaxAlignment = 2048;
[[nodiscard]] void* AllocateAligned(size_t alignment, size_t bytes);

// Does a live block lie in a slab for AllocateAligned?
[[nodiscard]] bool IsAligned(const void* block);

// Has a block been handed out of a class that its size does not ask for, since
// there was no memory for another?
[[nodiscard]] HAK_COLD bool TookLarger();

// Empties the calling thread's cache; gives its heap up for good if `exiting`.
HAK_COLD void FlushThread(bool exiting);

// Makes the gauges of the calling thread's cache exact.
void PublishAllCached();

// Gives what free slabs of all heaps hold back to the pool, and free pages of
// sparse slabs to the kernel.
HAK_COLD void TrimAllHeaps();

// `what` ("free", "realloc") was asked of a pointer into a slab that is not a
// live block. Says what is wrong, aborts.
[[noreturn]] HAK_COLD void ReportBadPointer(void* pointer, const char* what);
[[noreturn]] HAK_COLD void ReportDamagedFreeBlock(const void* block);

// Around fork, with the heaps' locks: see registry.h.
void LockSmallForFork();
void UnlockSmallAfterFork(bool child);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_SMALL_H_
