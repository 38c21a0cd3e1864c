// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: blocks above the size classes: spans of 4 KiB units in the window, and
//        Huge blocks, which are mappings of their own.
// Locks: none held by the caller.   Read next: alloc/large/large.cc

#ifndef HAKMEM_ALLOC_LARGE_LARGE_H_
#define HAKMEM_ALLOC_LARGE_LARGE_H_

#include <cstddef>

#include "platform/cpu.h"

namespace hakmem::large {

struct Block {
  void* pointer;  // nullptr: no memory
  bool zeroed;    // it reads as zero
};

// At least `bytes` at a multiple of `alignment`, a power of two >= 16. Does not
// look into the thread's cache (span_cache.h).
[[nodiscard]] Block Allocate(size_t bytes, size_t alignment);

// Below kLoneTo bytes, at a multiple of 16: a block that lies alone, now and
// then (lone.h); of no bytes one without access. nullptr otherwise.
[[nodiscard]] void* AllocateLone(size_t bytes);

// Is this the start of a live block of ours? Faults on no pointer. A pointer
// into a span that is no live block's start is reported, and the process
// ended: `what` says what was to be done with it.
enum class Ownership : unsigned char { kForeign, kSpan, kHuge };
[[nodiscard]] Ownership Find(void* pointer, const char* what);

// Ends the process: what was to be done with a block that is no more.
[[noreturn]] HAK_COLD void ReportFreed(const void* pointer, const char* what,
                                       const char* kind);

// Of a pointer that Find() knows.
size_t UsableSize(void* pointer, Ownership kind);
void Free(void* pointer, Ownership kind);
// Makes the block at least `bytes` long where it is. False: not possible,
// nothing has changed.
[[nodiscard]] bool Resize(void* pointer, Ownership kind, size_t bytes);

// Gives the calling thread's cached spans back. Hardened: what the process has
// in quarantine.
void FlushThread();

struct Counts {
  size_t blocks;
  size_t bytes;        // of blocks, whole units
  size_t free_bytes;   // of free spans, dirty or not
  size_t cached_here;  // bytes in the calling thread's cache
  size_t spans_here;   // of `blocks`, in it
  size_t huge_blocks;
  size_t huge_bytes;
};
Counts ReadCounts();

void LockForFork();
void UnlockAfterFork(bool child);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_LARGE_H_
