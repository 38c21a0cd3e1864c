// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: where the window lies, and how SuperSlabs are claimed in it.
// Locks: window (leaf), never across a system call.
// Read next: alloc/superslab/slab_pool.h

#include "alloc/superslab/window.h"

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/superslab/budget.h"
#include "hakmem.h"
#include "platform/page_source.h"

namespace hakmem::superslab {

HAK_CONSTINIT WindowState g_window = {};
HAK_CONSTINIT Lock g_window_lock{"window"};
HAK_CONSTINIT uintptr_t g_window_base = uintptr_t{1} << 63;

// An alias of g_window.map, see window.h.
__asm__(
    ".globl hakmem_map\n.hidden hakmem_map\n"
    ".set hakmem_map, hakmem_window + 1049664\n");
static_assert(offsetof(WindowState, map) == 1049664,
              "write the new offset into the line above");

HAK_CONSTINIT std::atomic<size_t> g_min_dirty{kMinDirty};

namespace {

HAK_CONSTINIT std::atomic<const FixedSource*> g_fixed{nullptr};

// After so many hints that were not honoured we take what the kernel gives:
// some sandboxes and Valgrind never honour any.
constexpr uint32_t kMaxMisses = 8;

// The kernel allows a process 65,530 mappings: no more stretches than this are
// made by unmapping what lies between others. Its pages go, its addresses stay.
constexpr uint32_t kMaxRuns = 256;

constexpr size_t kLowClaims = 256;  // bits of claimed_low

bool TestClaimed(size_t i) {
  const uint64_t* word = i < kLowClaims
                             ? &g_window.claimed_low[i / 64]
                             : &g_window.claimed_high[i / 64 - kLowClaims / 64];
  return (*word >> (i % 64)) & 1;
}

// How many stretches more there are with these SuperSlabs claimed.
int RunsAdded(size_t first, size_t count) {
  const size_t end = first + count;
  return 1 - (first > 0 && TestClaimed(first - 1)) -
         (end < kWindowSupers && TestClaimed(end));
}

void SetClaimed(size_t first, size_t count, bool claimed) {
  const int added = RunsAdded(first, count);
  g_window.runs += static_cast<uint32_t>(claimed ? added : -added);
  for (size_t i = first; i < first + count; ++i) {
    uint64_t* word = i < kLowClaims
                         ? &g_window.claimed_low[i / 64]
                         : &g_window.claimed_high[i / 64 - kLowClaims / 64];
    const uint64_t bit = uint64_t{1} << (i % 64);
    *word = claimed ? *word | bit : *word & ~bit;
  }
}

void SetWindowBase(uintptr_t base) {
  __atomic_store_n(&g_window_base, base, __ATOMIC_RELAXED);
}

// The zone in which mappings at a hint are out of everybody's way: far from
// brk, stack and mmap_base, whose gaps the kernel does not keep for hints. With
// 39 bits of address space [32 GiB, 192 GiB), with 47 or more [4 TiB, 16 TiB).
uintptr_t ChooseBase() {
  const size_t page = platform::PageSize();
  void* probe = platform::Map(nullptr, page);
  if (probe == nullptr) return 0;
  // The kernel's own choice is where the randomness comes from: no getrandom,
  // which sandboxes do not expect from malloc.
  const uintptr_t entropy =
      (AddressOf(static_cast<char*>(probe)) / page) * 0x9E3779B97F4A7C15u >> 16;
  (void)platform::Unmap(probe, page);
  const uintptr_t stack =
      AddressOf(static_cast<char*>(__builtin_frame_address(0)));
  unsigned bits = 64 - static_cast<unsigned>(__builtin_clzl(stack));
  uintptr_t low = uintptr_t{32} << 30;
  uintptr_t high = uintptr_t{192} << 30;
  if (bits > 39) {
    if (bits > 47) bits = 47;
    low = uintptr_t{1} << (bits - 5);
    high = uintptr_t{1} << (bits - 3);
  }
  const uintptr_t room = high - low - kWindowBytes;
  return low + AlignDown(entropy % room, kSuperBytes);
}

void ApplyConfig() {
  size_t least = hak_config.dirty_bytes;
  if (hak_config.never_return != 0) least = kKeepAll;
  // relaxed: a bound that orders nothing.
  if (least != 0) g_min_dirty.store(least, std::memory_order_relaxed);
}

// The lowest run of unclaimed SuperSlabs, now claimed, or kNoSuper.
size_t ReserveRun(size_t count) {
  LockHolder hold(g_window_lock);
  size_t run = 0;
  // SuperSlab 0 is never used: 0 may then mean "none" to the boxes above.
  if (g_window.claim_hint == 0) g_window.claim_hint = 1;
  const size_t limit = SuperLimit();
  for (size_t i = g_window.claim_hint; i < limit; ++i) {
    run = TestClaimed(i) ? 0 : run + 1;
    if (run < count) continue;
    const size_t first = i + 1 - count;
    SetClaimed(first, count, true);
    if (first == g_window.claim_hint) {
      g_window.claim_hint = static_cast<uint32_t>(i + 1);
    }
    // relaxed: written under the lock, read as a bound for walks.
    if (g_window.high_water.load(std::memory_order_relaxed) < i + 1) {
      g_window.high_water.store(static_cast<uint32_t>(i + 1),
                                std::memory_order_relaxed);
    }
    return first;
  }
  return kNoSuper;
}

HAK_NOINLINE void GiveUpRun(size_t first, size_t count) {
  LockHolder hold(g_window_lock);
  SetClaimed(first, count, false);
  if (first < g_window.claim_hint) {
    g_window.claim_hint = static_cast<uint32_t>(first);
  }
}

HAK_NOINLINE void CountMapped(size_t first, size_t count, size_t bytes) {
  const uint32_t added = static_cast<uint32_t>(count);
  // relaxed, all: gauges.
  const uint32_t now =
      g_window.mapped.fetch_add(added, std::memory_order_relaxed) + added;
  if (g_window.peak_mapped.load(std::memory_order_relaxed) < now) {
    g_window.peak_mapped.store(now, std::memory_order_relaxed);
  }
  platform::PreferPages(At<void>(SuperAddress(first)), bytes);
}

// Maps somewhere, aligned, and claims that place if it lies in the window.
size_t MapAnywhere(size_t count) {
  const size_t bytes = count << kSuperShift;
  while (RaiseLimit()) {
  }
  char* whole = static_cast<char*>(platform::Map(nullptr, bytes + kSuperBytes));
  if (whole == nullptr) return kNoSuper;
  const uintptr_t start = AddressOf(whole);
  const uintptr_t aligned = AlignUp(start, kSuperBytes);
  const size_t front = aligned - start;
  if (front != 0) (void)platform::Unmap(whole, front);
  if (front != kSuperBytes) {
    (void)platform::Unmap(At<void>(aligned + bytes), kSuperBytes - front);
  }
  {
    LockHolder hold(g_window_lock);
    // relaxed, both: counts and a bound, ordered by the lock.
    if (g_window.mapped.load(std::memory_order_relaxed) == 0) {
      // Nothing lives in the window yet: put it around what we were given,
      // which is followed by lower addresses on Linux.
      SetWindowBase(aligned > kWindowBytes / 2 ? aligned - kWindowBytes / 2
                                               : 0);
      SetClaimed(0, kWindowSupers, false);
      g_window.runs = 0;
    }
    const size_t first = (aligned - WindowBase()) >> kSuperShift;
    const size_t limit = SuperLimit();
    if (first > 0 && first < limit && count <= limit - first) {
      SetClaimed(first, count, true);
      // Before another thread puts the window elsewhere.
      g_window.mapped.fetch_add(static_cast<uint32_t>(count),
                                std::memory_order_relaxed);
      if (g_window.high_water.load(std::memory_order_relaxed) < first + count) {
        g_window.high_water.store(static_cast<uint32_t>(first + count),
                                  std::memory_order_relaxed);
      }
      return first;
    }
  }
  (void)platform::Unmap(At<void>(aligned), bytes);
  return kNoSuper;
}

bool HintsWork() {
  // relaxed, here and below: a count, of which one more or less does no harm.
  return g_window.misses.load(std::memory_order_relaxed) < kMaxMisses;
}

size_t ClaimCharged(size_t count) {
  const size_t bytes = count << kSuperShift;
  bool lowered = false;
  for (;;) {
    if (!HintsWork()) {
      const size_t first = MapAnywhere(count);
      // It is counted already.
      if (first != kNoSuper) CountMapped(first, 0, bytes);
      return first;
    }
    const size_t first = ReserveRun(count);
    if (first == kNoSuper) {
      if (RaiseLimit()) continue;
      return kNoSuper;
    }
    void* wanted = At<void>(SuperAddress(first));
    void* got = platform::Map(wanted, bytes);
    if (got == wanted) {
      CountMapped(first, count, bytes);
      g_window.misses.store(0, std::memory_order_relaxed);
      return first;
    }
    if (got == nullptr) {  // a limit, not a taken address: final
      GiveUpRun(first, count);
      // Hardened needs what it gains to give access back (RLIMIT_DATA counts
      // what has access).
      if (kVariant.guards || lowered || !LowerLimit(count)) return kNoSuper;
      lowered = true;
      continue;
    }
    (void)platform::Unmap(got, bytes);
    // Somebody else's mapping is there, perhaps a long one. All of the run
    // stays claimed, and more with each miss, so that the next try starts
    // behind it.
    const uint32_t misses =
        g_window.misses.fetch_add(1, std::memory_order_relaxed);
    if (misses > 0) (void)ReserveRun(size_t{2} << misses);
  }
}

}  // namespace

bool EnsureWindow() {
  // acquire: pairs with the release below; `base` is set.
  uint32_t state = g_window.init.load(std::memory_order_acquire);
  if (HAK_UNLIKELY(state == 0 && hak_config.make_pool != nullptr)) {
    hak_config.make_pool(hak_config.pool_begin, hak_config.pool_end);
    // acquire: as above.
    state = g_window.init.load(std::memory_order_acquire);
  }
  while (state < 2) {
    // acquire on both: whoever makes the window sees a failed try's end.
    if (state == 0 &&
        g_window.init.compare_exchange_strong(
            state, 1, std::memory_order_acquire, std::memory_order_acquire)) {
      const uintptr_t base = ChooseBase();
      ApplyConfig();
      // relaxed: published by the release below.
      if (base != 0) SetWindowBase(base);
      // release: pairs with the acquires above.
      g_window.init.store(base != 0 ? 2 : 0, std::memory_order_release);
      platform::FutexWake(&g_window.init, 1 << 30);
      return base != 0;
    }
    if (state == 1) platform::FutexWait(&g_window.init, 1);
    // acquire: as above.
    state = g_window.init.load(std::memory_order_acquire);
  }
  return true;
}

bool GiveBack(void* address, size_t bytes) {
  if (!kVariant.armour && hak_config.lazy_free != 0) {
    return platform::DecommitLazily(address, bytes);
  }
  return platform::Decommit(address, bytes);
}

size_t ClaimSupers(size_t count) {
  if (count == 0 || count > kWindowSupers) return kNoSuper;
  if (!EnsureWindow() || WindowIsFixed()) return kNoSuper;
  if (!Charge(count << kSuperShift)) return kNoSuper;
  const size_t first = ClaimCharged(count);
  if (first == kNoSuper) Uncharge(count << kSuperShift);
  return first;
}

bool MapAt(uintptr_t address, size_t bytes) {
  void* got = platform::Map(At<void>(address), bytes);
  if (got == At<void>(address)) return true;
  if (got != nullptr) (void)platform::Unmap(got, bytes);
  return false;
}

unsigned MappedSlabs(size_t super_index) {
  unsigned slabs = kSlabsPerSuper;
  while (slabs > 0 &&
         MapByte(super_index * kSlabsPerSuper + slabs - 1) == kAbsent) {
    --slabs;
  }
  return slabs;
}

size_t ClaimSuperOrPart() {
  if (const size_t whole = ClaimSupers(1); whole != kNoSuper) return whole;
  // As in ClaimCharged.
  if constexpr (kVariant.guards) return kNoSuper;
  if (!HintsWork() || !Charge(kSuperBytes)) return kNoSuper;
  const size_t index = ReserveRun(1);
  if (index != kNoSuper) {
    const uintptr_t start = SuperAddress(index);
    // One first: mostly there is no memory at all.
    unsigned slabs = MapAt(start, kSlabBytes) ? 1 : 0;
    for (unsigned n = kSlabsPerSuper / 2; slabs > 0 && n > 0; n /= 2) {
      if (MapAt(start + (slabs << kSlabShift), n << kSlabShift)) slabs += n;
    }
    if (slabs > 0) {
      for (unsigned i = slabs; i < kSlabsPerSuper; ++i) {
        SetMapByte(index * kSlabsPerSuper + i, kAbsent);
      }
      CountMapped(index, 1, slabs << kSlabShift);
      return index;
    }
    GiveUpRun(index, 1);
  }
  Uncharge(kSuperBytes);
  return kNoSuper;
}

bool UnclaimSupers(size_t first, size_t count) {
  // Only the last one may have an end that is absent.
  const size_t end = (first + count) * kSlabsPerSuper;
  const size_t absent = kSlabsPerSuper - MappedSlabs(first + count - 1);
  {
    LockHolder hold(g_window_lock);
    if (g_window.runs >= kMaxRuns && RunsAdded(first, count) < 0) return false;
  }
  if (!platform::Unmap(At<void>(SuperAddress(first)),
                       (count << kSuperShift) - (absent << kSlabShift))) {
    return false;
  }
  for (size_t i = end - absent; i < end; ++i) SetMapByte(i, kNeverOurs);
  // relaxed: a gauge.
  g_window.mapped.fetch_sub(static_cast<uint32_t>(count),
                            std::memory_order_relaxed);
  GiveUpRun(first, count);
  Uncharge(count << kSuperShift);
  return true;
}

bool BeginFixedWindow(uintptr_t base) {
  uint32_t expected = 0;
  // acquire: as in EnsureWindow.
  if (!g_window.init.compare_exchange_strong(expected, 1,
                                             std::memory_order_acquire)) {
    return false;
  }
  // relaxed: published by the release in OpenFixedWindow.
  SetWindowBase(base);
  return true;
}

void OpenFixedWindow(const FixedSource* source) {
  // relaxed, both: published by the release below.
  g_min_dirty.store(kKeepAll, std::memory_order_relaxed);
  g_fixed.store(source, std::memory_order_relaxed);
  // release: pairs with the acquires in EnsureWindow.
  g_window.init.store(2, std::memory_order_release);
  platform::FutexWake(&g_window.init, 1 << 30);
}

const FixedSource* Fixed() {
  // relaxed: whoever asks has passed EnsureWindow, or holds a block.
  return g_fixed.load(std::memory_order_relaxed);
}

void LockWindowForFork() { g_window_lock.Acquire(); }

void UnlockWindowForFork(bool child) {
  if (child) {
    // Another thread was choosing the window: nothing lies in it yet, and this
    // one chooses anew.
    uint32_t being_made = 1;
    // relaxed: the child has one thread.
    (void)g_window.init.compare_exchange_strong(being_made, 0,
                                                std::memory_order_relaxed);
    g_window_lock.ReleaseInChild();
  } else {
    g_window_lock.Release();
  }
}

}  // namespace hakmem::superslab
