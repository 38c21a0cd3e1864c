// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: the window of address space, the slab map, the SuperSlab table.
// Locks: window (leaf).   Read next: alloc/superslab/window.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_WINDOW_H_
#define HAKMEM_ALLOC_SUPERSLAB_WINDOW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/lock.h"
#include "alloc/base/pointers.h"
#include "alloc/superslab/geometry.h"
#include "alloc/superslab/slab_descriptor.h"

namespace hakmem::superslab {

// One SuperSlab of the window.
struct SuperEntry {
  // Set when slabs were first carved there; stays when it is unmapped.
  std::atomic<SuperMeta*> slabs;
  // The same for spans: what alloc/large keeps per SuperSlab.
  std::atomic<void*> spans;
};

inline constexpr size_t kHotPage = 4096;  // a layout unit, not a page size

// Everything that a small program touches of the window lies in one page: the
// table grows down from it and the map grows up. 2 MiB of .bss, untouched.
struct alignas(kHotPage) WindowState {
  char lead[32 * sizeof(SuperEntry)];
  SuperEntry table[kWindowSupers];  // backwards: see Entry()

  std::atomic<uint32_t> init;  // 1: somebody makes the window, 2: it is there
  // By g_window_lock: SuperSlabs below are claimed. A claimed SuperSlab is
  // mapped, about to be, or an address that somebody else holds.
  uint32_t claim_hint;
  std::atomic<uint32_t> misses;      // hints in a row that were not honoured
  std::atomic<uint32_t> high_water;  // no SuperSlab at or above was claimed
  std::atomic<uint32_t> mapped;      // SuperSlabs
  std::atomic<uint32_t> peak_mapped;
  uint32_t runs;  // by g_window_lock: stretches of claimed SuperSlabs
  std::atomic<uint32_t> cut;  // SuperSlabs that SuperLimit() is lowered by
  uint64_t claimed_low[4];    // claim bits of the first 256 SuperSlabs
  // Bit i: one of SuperSlabs 16i..16i+15 may have a slab in the pool.
  std::atomic<uint64_t> available[kWindowSupers / 16 / 64];

  int8_t map[kWindowSlabs];

  uint64_t claimed_high[kWindowSupers / 64 - 4];
};
extern WindowState g_window __asm__("hakmem_window") HAK_HIDDEN;
extern Lock g_window_lock;

// The map once more, under a name of its own: an address that needs no
// addition on the fast path. The offset is a text in window.cc, checked there.
extern int8_t g_map[kWindowSlabs] __asm__("hakmem_map") HAK_HIDDEN;

// 1 << 63 until there is a window, so that NULL and every foreign address fail
// the compare against it, whichever mix of old and new values a thread sees.
extern uintptr_t g_window_base HAK_HIDDEN;

HAK_INLINE uintptr_t WindowBase() {
  // Plain, an aligned word: any mix of old and new values is safe, see above.
  // Whoever passes a block to another thread also passes what made it visible.
  return g_window_base;
}
HAK_INLINE size_t SlabIndex(uintptr_t address) {
  return (address - WindowBase()) >> kSlabShift;
}
HAK_INLINE int8_t MapByte(size_t slab_index) {
  // Plain: a block's slab was published before the block was handed out, and
  // whoever asks about another pointer may get the old answer or the new.
  return g_map[slab_index];
}
inline void SetMapByte(size_t slab_index, int8_t kind) {
  // relaxed: as above.
  __atomic_store_n(&g_map[slab_index], kind, __ATOMIC_RELAXED);
}
// SuperSlabs from here on are not claimed. The whole window, until a program
// meets a limit of its address space: then the map and the table end here, but
// for a few more, and what was behind is given up (window_limit.cc).
inline size_t SuperLimit() {
  // relaxed: a bound; whoever holds a block of a SuperSlab is below it.
  return kWindowSupers - g_window.cut.load(std::memory_order_relaxed);
}
inline size_t SlabLimit() { return SuperLimit() * kSlabsPerSuper; }
// For whoever asks about any address.
inline int8_t KindOf(uintptr_t address) {
  const size_t slab_index = SlabIndex(address);
  if (slab_index >= SlabLimit()) return kNeverOurs;
  // relaxed: as in MapByte; but a plain load of what the compiler knows to be
  // there may be made before the question.
  return __atomic_load_n(&g_map[slab_index], __ATOMIC_RELAXED);
}
inline uintptr_t SlabAddress(size_t slab_index) {
  return WindowBase() + (slab_index << kSlabShift);
}
inline uintptr_t SuperAddress(size_t super_index) {
  return WindowBase() + (super_index << kSuperShift);
}
inline SuperEntry& Entry(size_t super_index) {
  return g_window.table[kWindowSupers - 1 - super_index];
}
// nullptr: the SuperSlab never held blocks, as far as this thread can see.
inline SuperMeta* MetaOf(size_t super_index) {
  // acquire: pairs with the releases in slab_pool.cc that publish it.
  return Entry(super_index).slabs.load(std::memory_order_acquire);
}
// The same of a slab, for who only looks.
inline SlabDescriptor* DescriptorOrNull(size_t slab_index) {
  SuperMeta* const meta = MetaOf(slab_index / kSlabsPerSuper);
  if (meta == nullptr) return nullptr;
  return &meta->slabs[slab_index % kSlabsPerSuper].descriptor;
}
// Of a slab that holds blocks, or did.
inline SlabDescriptor* Descriptor(size_t slab_index) {
  SuperMeta* const meta = MetaOf(slab_index / kSlabsPerSuper);
  return &meta->slabs[slab_index % kSlabsPerSuper].descriptor;
}

inline constexpr size_t kNoSuper = ~size_t{0};

// Makes the window, as the configuration says; at once if there is one. False:
// no memory, try again next time. The caller holds no lock.
[[nodiscard]] bool EnsureWindow();

// hak_config.heap_limit: bytes that are about to be mapped, and that were
// unmapped or could not be mapped. False: more than may be.
[[nodiscard]] bool Charge(size_t bytes);
void Uncharge(size_t bytes);

// Maps `count` adjacent SuperSlabs and returns the index of the first, or
// kNoSuper: no memory. The memory reads as zero. Makes system calls; the
// caller holds no lock. Thread-safe.
[[nodiscard]] size_t ClaimSupers(size_t count);

// The same for one SuperSlab; where there is no memory for it only the first
// slabs are mapped, as many as there is memory for. Of the others the slab map
// says kAbsent.
[[nodiscard]] size_t ClaimSuperOrPart();
// Slabs of a claimed SuperSlab that are mapped.
unsigned MappedSlabs(size_t super_index);

// Unmaps what ClaimSupers or ClaimSuperOrPart gave, or a part of it. False: it
// is still mapped and claimed (the kernel refuses, or it would be a hole too
// many). The slab map must say kReleased or kNeverOurs of it by now, but for
// what is absent.
[[nodiscard]] bool UnclaimSupers(size_t first, size_t count);

// Gives pages back, as the configuration says: True: they read as zero, or as
// before where it says lazily.
[[nodiscard]] bool GiveBack(void* address, size_t bytes);

// ---- A window that is a buffer: alloc/wrap/pool.cc makes it, and there all
// memory is free spans at first. Nothing in it is mapped or given back.
struct FixedSource {
  // Puts free memory into the pool of slabs. False: there is none.
  bool (*add_slabs)();
  // Makes free spans of free slabs. False: there are none.
  bool (*add_spans)();
  // Looks everywhere for slabs that are free and not in the pool of slabs.
  void (*collect)();
};
// False: there is a window already. Otherwise others wait until it is opened.
[[nodiscard]] bool BeginFixedWindow(uintptr_t base);
void OpenFixedWindow(const FixedSource* source);
// nullptr: the window is no buffer, or there is none yet.
const FixedSource* Fixed();
inline bool WindowIsFixed() { return Fixed() != nullptr; }

// Maps exactly there. False: somebody else is there, or no memory.
[[nodiscard]] bool MapAt(uintptr_t address, size_t bytes);

// ---- window_limit.cc
// There was no memory for `count` SuperSlabs: gives up what the map and the
// table need for addresses above those in use. True: that is some.
[[nodiscard]] bool LowerLimit(size_t count);
// The window is full: makes it larger again. False: it cannot be.
[[nodiscard]] bool RaiseLimit();
// One at a time does something that takes system calls: 1 in `word`.
void TakeTurn(std::atomic<uint32_t>& word);
void EndTurn(std::atomic<uint32_t>& word);
void LockLimitForFork();
void UnlockLimitForFork();

void LockWindowForFork();
void UnlockWindowForFork(bool child);

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_WINDOW_H_
