// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: refill, flush, and the end of a thread's cache.
// Locks: the own heap's while blocks move; none while slabs are acquired,
//        other heaps are visited, or pages go back.
// Read next: alloc/tiny/heap.cc

#include "alloc/base/sampling.h"
#include "alloc/base/thread_phase.h"
#include "alloc/superslab/budget.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/bins.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/parking.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/remote_free.h"
#include "alloc/tiny/remote_word.h"
#include "alloc/tiny/small.h"
#include "alloc/tiny/thread_cache.h"

namespace hakmem::tiny {

__thread ThreadCache t_cache;

namespace {

// A bin holds at most this, in bytes: an idle thread's cache must not pin the
// pages of a heap that has gone.
constexpr size_t kBinBytes = size_t{32} << 10;
constexpr unsigned kMinLimit = 8;
// So many flushes without a refill in between: the class is only freed.
constexpr uint8_t kManyFlushes = 4;

constexpr unsigned MaxLimit(unsigned size_class) {
  const size_t stride = kStride[size_class];
  const size_t blocks = (stride <= 64 ? 2 * kBinBytes : kBinBytes) / stride;
  return blocks > kBinBlocks ? kBinBlocks
         : blocks < 4        ? 4u
                             : static_cast<unsigned>(blocks);
}

// What is alive, as far as this thread is concerned: in its own heap, or if it
// has none in the process.
size_t LiveHere() {
  const Heap* heap = t_cache.heap;
  return heap != nullptr ? size_t{heap->used_bytes}
                         : superslab::Read(superslab::g_budget.live);
}

// How many blocks of the slab, whosever it is, are live or in caches: roughly.
unsigned OutOf(const SlabDescriptor* slab) {
  // relaxed, both: a hint.
  const uint64_t word = slab->remote.load(std::memory_order_relaxed);
  const unsigned back = RemoteWord::Unpack(word).count;
  const unsigned used = UsedOf(slab);
  return used > back ? used - back : 0;
}

// A thread that only frees needs no cache of its own; a little batching is
// worth it as long as what it may pin is nothing against what is alive.
unsigned IdleFloor(unsigned c) {
  size_t floor = superslab::Read(superslab::g_budget.live) >> 19;
  if (const Heap* heap = t_cache.heap) {
    // A page pinned for every page that is alive in blocks of this class.
    const size_t out = heap->counts[c].used - Cached(c);
    const size_t pages = (out * kStride[c]) >> 12;
    if (static_cast<int32_t>(out) > 0 && pages > floor) floor = pages;
  }
  // A few more pin no slab that many others keep in use.
  constexpr unsigned kFew = 16;
  if (floor < kFew && OutOf(SlabOfCached(t_cache.head[c])) > 2 * kFew) {
    floor = kFew;
  }
  const unsigned limit = MaxLimit(c) / 2;
  return floor < limit ? static_cast<unsigned>(floor) : limit;
}

// Has what is alive fallen to half since we last looked? Then the caches were
// sized for another program.
bool LiveHasFallen() {
  constexpr size_t kWorthIt = size_t{128} << 10;
  const size_t live = LiveHere();
  if (live > t_cache.peak_live) t_cache.peak_live = live;
  if (t_cache.peak_live < kWorthIt || live > t_cache.peak_live / 2) {
    return false;
  }
  t_cache.peak_live = live;
  return true;
}

// The first block of a bin. nullptr: none.
HAK_COLD void* TakeCached(unsigned c) {
  void* block = t_cache.head[c];
  if (block == nullptr) return nullptr;
  if (LoadHeader(block) != FreeToken(c)) ReportDamagedFreeBlock(block);
  t_cache.head[c] = LoadLink(block);
  ++t_cache.room[c];
  StoreHeader(block, LiveToken(c));
  PublishCached(c);
  return block;
}

// Installs a refill in an empty bin and hands out its first block.
void* InstallChain(unsigned c, const Chain& chain) {
  if (chain.tail != nullptr) StoreLink(chain.tail, nullptr);
  BinPolicy& policy = t_cache.policy[c];
  policy.flushes = 0;
  t_cache.head[c] = chain.head;
  t_cache.room[c] -= static_cast<int32_t>(chain.count);
  if (t_cache.room[c] < 0) SetLimit(c, Cached(c));
  const unsigned next = policy.batch * 2u;
  policy.batch =
      static_cast<uint16_t>(next > MaxLimit(c) / 2 ? MaxLimit(c) / 2 : next);
  return TakeCached(c);
}

// Blocks of a class from the heap, from an orphan, or from a fresh slab.
bool Refill(Heap& heap, unsigned c, unsigned want, Chain* chain) {
  TakeResult result;
  const uint64_t now = platform::Now();
  // relaxed: a hint.
  heap.awake_at.store(now, std::memory_order_relaxed);
  ReleaseStale(now);
  {
    LockHolder hold(heap.lock);
    DrainNotifyLocked(heap);
    do {
      result = TakeFromPartialLocked(heap, c, want, chain);
    } while (result.count == 0 && result.damaged == nullptr &&
             AdoptOrphanLocked(heap, c));
    PublishUsedLocked(heap);
  }
  while (result.count == 0 && result.damaged == nullptr) {
    SlabDescriptor* slab = superslab::AcquireSlab();
    if (slab == nullptr) return false;
    LockHolder hold(heap.lock);
    InitSlabLocked(heap, slab, c, kStride[c],
                   FirstOffset(slab->slab_index, kStride[c]), kPartial);
    result = TakeFromPartialLocked(heap, c, want, chain);
  }
  if (result.damaged != nullptr) ReportDamagedFreeBlock(result.damaged);
  if constexpr (kVariant.armour) ShuffleChain(chain);
  return true;
}

// One block past the bin, which stays empty: no cache, or somebody samples.
HAK_COLD void* AllocateUncached(Heap* heap, unsigned c) {
  if (heap == nullptr) heap = SharedHeap();
  SetLimit(c, 0);
  Chain chain;
  if (heap == nullptr || !Refill(*heap, c, 1, &chain)) return nullptr;
  StoreHeader(chain.head, LiveToken(c));
  return chain.head;
}

}  // namespace

void PublishCached(unsigned c) {
  if (Heap* heap = t_cache.heap) {
    uint32_t cached = Cached(c);
    if constexpr (kVariant.armour) cached += t_quarantine.Count(c);
    // relaxed: a gauge.
    heap->counts[c].cached.store(cached, std::memory_order_relaxed);
  }
}

void FlushBin(unsigned c, unsigned keep, bool keep_empty) {
  void* list = t_cache.head[c];
  if (list == nullptr) return;
  const unsigned cached = Cached(c);
  if (keep >= cached) return;
  if (keep == 0) {
    t_cache.head[c] = nullptr;
  } else {
    void* last = list;
    for (unsigned i = 1; i < keep; ++i) last = LoadLink(last);
    list = LoadLink(last);
    StoreLink(last, nullptr);
  }
  t_cache.room[c] += static_cast<int32_t>(cached - keep);
  ReturnBlocks(t_cache.heap, list, keep_empty);
}

void FlushAllBins() {
  if constexpr (kVariant.armour) EmptyQuarantine();
  for (unsigned c = 0; c < kClasses; ++c) {
    FlushBin(c, 0, false);
    SetLimit(c, 0);
    t_cache.policy[c].flushes = kManyFlushes;  // until it is used again
    PublishCached(c);
  }
  if (Heap* heap = t_cache.heap) {
    LockHolder hold(heap->lock);
    ReleaseKeptLocked(*heap);
  }
}

Heap* OwnHeap() {
  if (!MayCache()) return nullptr;
  if (t_cache.heap == nullptr && !Unpark()) t_cache.heap = AcquireHeap();
  return t_cache.heap;
}

void* MallocSlow(size_t bytes) {
  const unsigned c = ClassFor(bytes);
  Heap* heap = OwnHeap();
  // The heap may have come with bins. Else what is there is damaged.
  if (void* block = TakeCached(c)) return block;
  if (HAK_UNLIKELY(heap == nullptr || Sampling())) {
    void* block = AllocateUncached(heap, c);
    if (heap == nullptr || block != nullptr) return block;
  }
  unsigned want = t_cache.policy[c].batch;
  // One of the smallest, since a block of no bytes had better find none there.
  const uint8_t first =
      kVariant.lone_blocks && c == 0 ? 1 : FirstBatch(MaxLimit(c) / 2);
  if (want < first) want = t_cache.policy[c].batch = first;
  Chain chain;
  if (!Refill(*heap, c, want, &chain)) {
    // Before there is no memory: what this thread keeps back itself.
    FlushAllBins();
    ReleaseParked();
    superslab::Purge(0, 0);
    if (!Refill(*heap, c, 1, &chain)) return TakeLarger(*heap, bytes);
  }
  return InstallChain(c, chain);
}

HAK_COLD void FlushSlow(size_t size_class) {
  const unsigned c = static_cast<unsigned>(size_class);
  BinPolicy& policy = t_cache.policy[c];
  const bool may_cache = MayKeepBlocks();
  if (may_cache && LiveHasFallen()) {
    FlushAllBins();
    ReleaseParked();
  } else if (may_cache && policy.flushes == 0 && policy.limit < MaxLimit(c)) {
    // Blocks were taken since the last flush: the class is in use both ways.
    policy.flushes = 1;
    unsigned limit = policy.limit * 2u;
    if (limit < kMinLimit) limit = kMinLimit;
    SetLimit(c, limit > MaxLimit(c) ? MaxLimit(c) : limit);
    return;
  } else {
    if (policy.flushes < 255) ++policy.flushes;
    unsigned limit = policy.limit;
    if (policy.flushes >= kManyFlushes) {
      limit /= 2;
      policy.batch = static_cast<uint16_t>(policy.batch / 2);
      const unsigned floor = IdleFloor(c);
      if (limit < floor) limit = floor;
    }
    if (!may_cache) limit = 0;
    // Of a class that is only freed nothing is kept: nobody would take it.
    const bool in_use = policy.flushes < kManyFlushes;
    FlushBin(c, in_use ? limit / 2 : 0, in_use);
    SetLimit(c, limit);
  }
  PublishCached(c);
  superslab::PurgeIfOverBudget();
}

void FlushThread(bool exiting) {
  if (exiting && Park()) {
    t_phase = ThreadPhase::kDead;
    return superslab::PurgeIfOverBudget();
  }
  FlushAllBins();
  if (exiting) {
    t_phase = ThreadPhase::kDead;
    Heap* heap = t_cache.heap;
    t_cache.heap = nullptr;
    if (heap != nullptr) AbandonHeap(heap);
  }
  superslab::PurgeIfOverBudget();
}

void TrimAllHeaps() {
  FlushThread(false);
  ReleaseParked();
  for (Heap* heap = FirstHeap(); heap != nullptr; heap = heap->next_heap) {
    {
      LockHolder hold(heap->lock);
      DrainNotifyLocked(*heap);
      ReleaseKeptLocked(*heap);
    }
    (void)SweepHeap(*heap);
  }
}

void LockSmallForFork() { LockForFork(); }

void UnlockSmallAfterFork(bool child) { UnlockAfterFork(child, t_cache.heap); }

}  // namespace hakmem::tiny
