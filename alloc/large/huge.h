// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: blocks that are mappings of their own, and the exact list of them.
// Locks: huge; not held across a system call.   Read next: alloc/large/huge.cc

#ifndef HAKMEM_ALLOC_LARGE_HUGE_H_
#define HAKMEM_ALLOC_LARGE_HUGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/lock.h"
#include "alloc/base/variant.h"

namespace hakmem::large {

// Zeroed memory of at least `bytes`. nullptr: none. `lone`: it need not be a
// Huge block (lone.h); it ends where its pages end, and if it has no bytes its
// page has no access. nullptr also where there are enough of them.
[[nodiscard]] void* AllocateHuge(size_t bytes, size_t alignment,
                                 bool lone = false);

// Length of the Huge block that starts here. kNoHuge: none does; the address
// itself: none does any more, as far as is known (not asked where pointers are
// routed elsewhere). Reads nothing through the pointer.
inline constexpr size_t kNoHuge = SIZE_MAX;
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
  static constexpr size_t kLone = size_t{kVariant.lone_blocks};
  uintptr_t address;  // 0: never used; kGone: was
  size_t bytes;  // of a lone one and kLone; of one that is gone: where it was
  size_t size() const { return bytes & ~kLone; }
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
