// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the slots of parked heaps.
// Locks: the heap's, to settle its books.   Read next: alloc/tiny/registry.cc

#include "alloc/tiny/parking.h"

#include "alloc/base/sampling.h"
#include "alloc/superslab/metadata.h"
#include "alloc/tiny/bins.h"
#include "alloc/tiny/registry.h"

namespace hakmem::tiny {
namespace {

constexpr unsigned kSlots = 4;
constexpr size_t kMostInBin = size_t{4} << 10;
constexpr size_t kMostSparse = size_t{128} << 10;
// A pause of an eighth of a second between two ends is short.
constexpr uint64_t kShort = uint64_t{1} << 27;
// So many ends without a long one: more will follow.
constexpr unsigned kInARow = 16;

struct Slot {
  // Whose `bins` these are; kFree: nobody's; kBusy: somebody is at it. In a
  // child of fork a busy slot stays so.
  std::atomic<uintptr_t> heap{0};
  // Metadata, from the first use on: most programs shall not have a page for
  // it.
  ThreadCache* bins = nullptr;
};
constexpr uintptr_t kFree = 0;
constexpr uintptr_t kBusy = 1;

HAK_CONSTINIT Slot g_slots[kSlots] = {};
// relaxed, both: they decide what is worth it, and order nothing; of two ends
// at once one may not be counted.
HAK_CONSTINIT std::atomic<uint64_t> g_last_end{0};
HAK_CONSTINIT std::atomic<unsigned> g_ends{0};  // in a row

uintptr_t WordOf(const Heap* heap) { return reinterpret_cast<uintptr_t>(heap); }

// relaxed, where it fails: nothing was learned.
bool Claim(Slot& slot, uintptr_t from) {
  // acquire: pairs with the release of who wrote or read the bins last.
  return slot.heap.compare_exchange_strong(
      from, kBusy, std::memory_order_acquire, std::memory_order_relaxed);
}

// A parked heap, whose slot is the caller's. nullptr: none.
Heap* ClaimParked(Slot& slot) {
  // relaxed: Claim checks.
  const uintptr_t word = slot.heap.load(std::memory_order_relaxed);
  if (word <= kBusy || !Claim(slot, word)) return nullptr;
  return reinterpret_cast<Heap*>(word);
}

void SetFree(Slot& slot) {
  // release: pairs with Claim.
  slot.heap.store(kFree, std::memory_order_release);
}

// The calling thread ends, as many have just now?
bool OneOfMany() {
  const uint64_t now = platform::Now();
  const uint64_t last = g_last_end.load(std::memory_order_relaxed);
  g_last_end.store(now, std::memory_order_relaxed);
  const unsigned ends =
      now - last > kShort ? 0 : g_ends.load(std::memory_order_relaxed);
  g_ends.store(ends + 1, std::memory_order_relaxed);
  return ends >= kInARow;
}

}  // namespace

bool Park() {
  Heap* const heap = t_cache.heap;
  // Quarantined blocks are a thread's own, and who samples keeps no bins.
  if (kVariant.armour || heap == nullptr || Sampling()) return false;
  if (!OneOfMany()) return false;
  Slot* slot = g_slots;
  while (!Claim(*slot, kFree)) {
    if (++slot == g_slots + kSlots) return false;
  }
  for (unsigned c = 0; c < kClasses; ++c) {
    const unsigned most = static_cast<unsigned>(kMostInBin / kStride[c]);
    const unsigned cached = Cached(c);
    if (cached > most) FlushBin(c, cached - most, false);
    PublishCached(c);
  }
  bool sparse;
  {
    LockHolder hold(heap->lock);
    ReleaseKeptLocked(*heap);
    PublishUsedLocked(*heap, 1);
    sparse = SparseBytes(*heap) > kMostSparse;
  }
  if (slot->bins == nullptr) {
    slot->bins = static_cast<ThreadCache*>(
        superslab::AllocateMetadata(sizeof(ThreadCache)));
  }
  if (sparse || slot->bins == nullptr) {
    SetFree(*slot);
    return false;
  }
  // relaxed: a hint. Its thread will not look again soon.
  heap->awake_at.store(0, std::memory_order_relaxed);
  *slot->bins = t_cache;
  t_cache = {};
  // release: the bins and the heap are ready for whoever claims them.
  slot->heap.store(WordOf(heap), std::memory_order_release);
  return true;
}

bool Unpark() {
  if (kVariant.armour || Sampling()) return false;
  for (Slot& slot : g_slots) {
    Heap* const heap = ClaimParked(slot);
    if (heap == nullptr) continue;
    // What a thread has freed before it first asked for memory.
    FlushAllBins();
    t_cache = *slot.bins;
    SetFree(slot);
    return true;
  }
  return false;
}

void ReleaseStale(uint64_t now) {
  // Once: ReleaseParked sets the counter to 0.
  if (now - g_last_end.load(std::memory_order_relaxed) > kShort &&
      g_ends.load(std::memory_order_relaxed) != 0) {
    ReleaseParked();
  }
}

void ReleaseParked() {
  if (kVariant.armour) return;
  g_ends.store(0, std::memory_order_relaxed);
  for (Slot& slot : g_slots) {
    Heap* const heap = ClaimParked(slot);
    if (heap == nullptr) continue;
    for (unsigned c = 0; c < kClasses; ++c) {
      (void)ReturnBlocks(heap, c, slot.bins->head[c], Cached(*slot.bins, c),
                         false);
      // relaxed: a gauge.
      heap->counts[c].cached.store(0, std::memory_order_relaxed);
    }
    SetFree(slot);
    AbandonHeap(heap);
  }
}

bool IsParked(const Heap* heap) {
  if (kVariant.armour) return false;
  for (const Slot& slot : g_slots) {
    // relaxed: the answer may be old.
    if (slot.heap.load(std::memory_order_relaxed) == WordOf(heap)) return true;
  }
  return false;
}

bool IsWaiting(const Heap& heap) {
  // relaxed: of a heap that changes hands either answer is right.
  return heap.idle.load(std::memory_order_relaxed) || IsParked(&heap);
}

}  // namespace hakmem::tiny
