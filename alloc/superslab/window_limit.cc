// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: how the window is made smaller where address space is short, and
//        larger again; and the sum that heap_limit bounds.
// Locks: window (leaf), never across a system call; one word says who is at it.
// Read next: alloc/superslab/slab_pool.h
//
// The table and the map stand in .bss, 1 MiB each, of which a program touches a
// few pages. Under a limit of the address space (RLIMIT_AS) or of what may be
// committed they count all the same. So before there is no memory, what lies
// behind the SuperSlabs in use is unmapped:
//
//   | the program's | ...table, backwards | state | map...          | bits |
//                   ^ unmapped up to here         ^ and from here on
//
// A free of an address that was never ours, in the part of the window that is
// given up, is then a fault instead of an abort: the fast path looks into the
// map without a question.

#include "alloc/base/pointers.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "hakmem.h"
#include "platform/futex.h"
#include "platform/page_source.h"

namespace hakmem::superslab {
namespace {

// Readers look at this much more: at the rest of a group of 16 (slab_pool.cc),
// and at the slab behind the last.
constexpr size_t kMargin = 16;

HAK_CONSTINIT std::atomic<uint32_t> g_resizing{0};  // 1: somebody is at it
HAK_CONSTINIT std::atomic<size_t> g_charged{0};

// What a window of `limit` SuperSlabs needs, in whole pages.
struct Extent {
  uintptr_t table;  // its first entry's page
  uintptr_t map;    // behind its last byte's page
};
Extent ExtentOf(size_t limit) {
  const size_t page = platform::PageSize();
  const size_t kept =
      limit + kMargin < kWindowSupers ? limit + kMargin : kWindowSupers;
  const uintptr_t table = AlignDown(AddressOf(&Entry(kept - 1)), page);
  const uintptr_t map =
      AlignUp(AddressOf(&g_window.map[kept * kSlabsPerSuper]), page);
  // Pages that something else lies in as well always stay.
  const uintptr_t first = AlignUp(AddressOf(&g_window.table[0]), page);
  const uintptr_t last =
      AlignDown(AddressOf(&g_window.map[kWindowSlabs]), page);
  return {table > first ? table : first, map < last ? map : last};
}

// The largest window that these pages are enough for.
size_t LimitOf(const Extent& extent) {
  const size_t by_map =
      (extent.map - AddressOf(&g_window.map[0])) / kSlabsPerSuper;
  const size_t by_table =
      (AddressOf(&Entry(0) + 1) - extent.table) / sizeof(SuperEntry);
  const size_t kept = by_map < by_table ? by_map : by_table;
  return AlignDown(kept - kMargin, kMargin);
}

// Caller holds the window's lock, so that whoever reserves sees it.
void StoreLimit(size_t limit) {
  // relaxed: ordered by the lock, or a bound.
  g_window.cut.store(static_cast<uint32_t>(kWindowSupers - limit),
                     std::memory_order_relaxed);
}
void SetLimit(size_t limit) {
  LockHolder hold(g_window_lock);
  StoreLimit(limit);
}

enum class Change : unsigned char { kUnmap, kMap };
bool Apply(Change change, uintptr_t from, uintptr_t to) {
  if (from >= to) return true;
  if (change == Change::kMap) return MapAt(from, to - from);
  return platform::Unmap(At<void>(from), to - from);
}

// How small the window may be with `count` SuperSlabs more.
size_t LeastLimit(size_t count) {
  // relaxed: exact under the window's lock, else a guess.
  const size_t least =
      g_window.high_water.load(std::memory_order_relaxed) + count;
  if (least >= kWindowSupers) return kWindowSupers;
  return LimitOf(ExtentOf(AlignUp(least, kMargin)));
}

bool Lower(size_t count) {
  const size_t old = SuperLimit();
  size_t limit;
  {
    LockHolder hold(g_window_lock);
    limit = LeastLimit(count);
    // Where hints are not honoured the window lies around the first mapping,
    // and others lie anywhere in it.
    // relaxed, both: gauges.
    if (limit >= old || g_window.misses.load(std::memory_order_relaxed) != 0 ||
        g_window.mapped.load(std::memory_order_relaxed) == 0) {
      return false;
    }
    StoreLimit(limit);
  }
  const Extent before = ExtentOf(old);
  const Extent after = ExtentOf(limit);
  // Too many mappings: there would be one more.
  if (!Apply(Change::kUnmap, before.table, after.table)) {
    SetLimit(old);
    return false;
  }
  (void)Apply(Change::kUnmap, after.map, before.map);
  return true;
}

bool Raise() {
  const size_t old = SuperLimit();
  if (old >= kWindowSupers) return false;
  const size_t limit = old < kWindowSupers / 4 ? old * 4 : kWindowSupers;
  const Extent before = ExtentOf(old);
  const Extent after = ExtentOf(limit);
  if (!Apply(Change::kMap, after.table, before.table)) return false;
  if (Apply(Change::kMap, before.map, after.map)) {
    SetLimit(limit);
    return true;
  }
  (void)Apply(Change::kUnmap, after.table, before.table);
  return false;
}

}  // namespace

void TakeTurn(std::atomic<uint32_t>& word) {
  uint32_t expected = 0;
  // acquire: pairs with the release below.
  while (!word.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
    if (expected == 1) platform::FutexWait(&word, 1);
    expected = 0;
  }
}

void EndTurn(std::atomic<uint32_t>& word) {
  // release: pairs with the acquire above, and that of others who try.
  word.store(0, std::memory_order_release);
  platform::FutexWake(&word, 1 << 30);
}

bool LowerLimit(size_t count) {
  if (WindowIsFixed() || LeastLimit(count) >= SuperLimit()) return false;
  TakeTurn(g_resizing);
  const bool lowered = Lower(count);
  EndTurn(g_resizing);
  return lowered;
}

bool RaiseLimit() {
  if (SuperLimit() == kWindowSupers) return false;
  TakeTurn(g_resizing);
  const bool raised = Raise();
  EndTurn(g_resizing);
  return raised;
}

HAK_NOINLINE bool Charge(size_t bytes) {
  const size_t last = hak_config.heap_limit - 1;  // of no limit: the largest
  // relaxed, both: a sum with a bound; it orders nothing.
  size_t sum = g_charged.load(std::memory_order_relaxed);
  do {
    if (sum + bytes - 1 > last) return false;
  } while (!g_charged.compare_exchange_weak(sum, sum + bytes,
                                            std::memory_order_relaxed));
  return true;
}

void Uncharge(size_t bytes) { TakeFrom(g_charged, bytes); }

void LockLimitForFork() { TakeTurn(g_resizing); }

void UnlockLimitForFork() { EndTurn(g_resizing); }

}  // namespace hakmem::superslab
