// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: blocks that are mappings of their own, and the exact list of them.
// Locks: huge; not held across a system call.   Read next: alloc/large/huge.cc

#ifndef HAKMEM_ALLOC_LARGE_HUGE_H_
#define HAKMEM_ALLOC_LARGE_HUGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/lock.h"

namespace hakmem::large {

// Zeroed memory of at least `bytes`. nullptr: none.
[[nodiscard]] void* AllocateHuge(size_t bytes, size_t alignment);

// Length of the Huge block that starts here; 0: none does. Reads nothing
// through the pointer.
size_t FindHuge(const void* pointer);

// Unmaps a block that FindHuge knew. False: somebody else has just freed it.
[[nodiscard]] bool FreeHuge(void* pointer);

// Makes the block at least `bytes` long where it is. False: not possible. No
// mremap, which sandboxes for malloc do not let through: Huge blocks lie apart,
// so that a growing one nearly always finds the addresses behind it free.
[[nodiscard]] bool ResizeHuge(void* pointer, size_t bytes);

struct HugeCounts {
  size_t blocks;
  size_t bytes;
};
HugeCounts ReadHugeCounts();

// The list itself, for look.cc: `slots` and `capacity` under the lock; none are
// filled while `live`, which needs none, is 0.
struct HugeEntry {
  static constexpr uintptr_t kGone = 1;
  uintptr_t address;  // 0: never used; kGone: was
  size_t bytes;
};
struct HugeTable {
  Lock& lock;
  HugeEntry* const& slots;
  const size_t& capacity;
  const std::atomic<size_t>& live;
};
HugeTable TableOfHuge();

void LockHugeForFork();
void UnlockHugeAfterFork(bool child);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_HUGE_H_
