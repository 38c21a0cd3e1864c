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

// A bin usually holds at most this, in bytes: an idle thread's cache must not
// pin the pages of a heap that has gone.
constexpr size_t kBinBytes = size_t{32} << 10;
// But so many blocks, however large they are: with fewer a program of random
// sizes spends most of its time in refills and flushes.
constexpr size_t kUsualBlocks = 16;
// And this, together with the thread's other bins that hold more than the
// usual, where blocks are needed again at once: what a CPU's second cache has
// room for.
constexpr size_t kAgainBytes = kVariant.armour ? 0 : size_t{512} << 10;
// A thread that begins with a free can do without a slab of its own.
constexpr uint16_t kMinLimit = 4;

// How many blocks of each class these are.
struct Limits {
  uint16_t usual[kClasses];
};
constexpr Limits MakeLimits() {
  Limits limits{};
  for (unsigned c = 0; c < kClasses; ++c) {
    const size_t stride = kStride[c];
    const size_t blocks = (stride <= 64 ? 2 * kBinBytes : kBinBytes) / stride;
    limits.usual[c] = static_cast<uint16_t>(
        blocks > kBinBlocks ? kBinBlocks
                            : (blocks < kUsualBlocks ? kUsualBlocks : blocks));
  }
  return limits;
}
constexpr Limits kLimits = MakeLimits();
static_assert(kBinBlocks * kMostTimes <= UINT16_MAX);  // BinPolicy::limit

uint16_t MaxLimit(unsigned c) { return kLimits.usual[c]; }

unsigned Least(unsigned a, unsigned b) { return a < b ? a : b; }
unsigned Most(unsigned a, unsigned b) { return a > b ? a : b; }

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
    // A page pinned for every page that is out in blocks of this class.
    const size_t pages = (heap->counts[c].used * size_t{kStride[c]}) >> 12;
    if (pages > floor) floor = pages;
  }
  // A few more pin no slab that many others keep in use.
  constexpr unsigned kFew = 16;
  if (floor < kFew && OutOf(SlabOfCached(t_cache.head[c])) > 2 * kFew) {
    floor = kFew;
  }
  return Least(static_cast<unsigned>(floor), MaxLimit(c) / 2);
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

// Lets the bin hold what it could have held before. False: it does.
bool RaiseLimit(unsigned c, BinPolicy& policy, unsigned now) {
  if (policy.flushed == 0 && policy.again < kMinLimit) {
    policy.again = kMinLimit;
  }
  if (policy.again <= policy.limit) return false;
  if (policy.again > MaxLimit(c)) {
    size_t bytes = size_t{policy.again} * kStride[c];
    for (unsigned i = 0; i < kClasses; ++i) {
      const size_t limit = t_cache.policy[i].limit;
      if (i != c && limit > MaxLimit(i)) bytes += limit * kStride[i];
    }
    // What there is of a pool is for all threads.
    if (bytes > kAgainBytes || !IsRecent(policy, now) ||
        superslab::WindowIsFixed()) {
      policy.again = MaxLimit(c);
      return false;
    }
  }
  SetLimit(c, policy.again);
  return true;
}

// The thread is about to take a slab: a large bin gives blocks back for it, so
// that nothing is kept beside what grows.
void ShrinkLargeBin() {
  for (unsigned c = 0; c < kClasses; ++c) {
    const unsigned some = 2 * MaxLimit(c);
    if (Cached(c) > some) return FlushBin(c, some, false);
  }
}

// Installs a refill in an empty bin and hands out its first block.
void* InstallChain(unsigned c, const Chain& chain) {
  if (chain.tail != nullptr) StoreLink(chain.tail, nullptr);
  t_cache.head[c] = chain.head;
  t_cache.room[c] -= static_cast<int32_t>(chain.count);
  if (t_cache.room[c] < 0) SetLimit(c, Cached(c));
  return TakeCached(c);
}

// Blocks of a class from the heap, from an orphan, or from a fresh slab.
HAK_COLD bool Refill(Heap& heap, unsigned c, unsigned want, Chain* chain) {
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
    if constexpr (kAgainBytes != 0) ShrinkLargeBin();
    SlabDescriptor* slab = superslab::AcquireSlab();
    if (slab == nullptr) return false;
    LockHolder hold(heap.lock);
    InitSlabLocked(heap, slab, c, kStride[c],
                   FirstOffset(slab->slab_index, kStride[c]), kPartial);
    result = TakeFromPartialLocked(heap, c, want, chain);
  }
  if (result.damaged != nullptr) ReportDamagedFreeBlock(result.damaged);
  if constexpr (kVariant.armour) ShuffleChain(chain);
  NoteRefilled(t_cache.policy[c], chain->count, MaxLimit(c), TickOf(now));
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

unsigned NextBatch(unsigned c) {
  // One of the smallest, since a block of no bytes had better find none there.
  const unsigned first =
      kVariant.lone_blocks && c == 0 ? 1 : FirstBatch(MaxLimit(c) / 2);
  BinPolicy& policy = t_cache.policy[c];
  const unsigned want = first << policy.growth;
  const unsigned most = MaxLimit(c) / 2;
  if (want >= most) return most;
  ++policy.growth;
  return want;
}

void NoteRefill(unsigned c, unsigned count, uint64_t now) {
  NoteRefilled(t_cache.policy[c], count, MaxLimit(c), TickOf(now));
}

void PublishCached(unsigned c) {
  if (Heap* heap = t_cache.heap) {
    uint32_t cached = Cached(c);
    if constexpr (kVariant.armour) cached += t_quarantine.Count(c);
    // relaxed: a gauge.
    heap->counts[c].cached.store(cached, std::memory_order_relaxed);
  }
}

void PublishAllCached() {
  for (unsigned c = 0; c < kClasses; ++c) PublishCached(c);
}

void FlushBin(unsigned c, unsigned count, bool keep_empty) {
  void* const list = t_cache.head[c];
  // Nothing of it is in the bin should this end in an abort, whose handler may
  // allocate.
  t_cache.head[c] = nullptr;
  void* const rest = ReturnBlocks(t_cache.heap, c, list, count, keep_empty);
  t_cache.room[c] += static_cast<int32_t>(count);
  // A link that was overwritten leads round in a circle.
  if (Cached(c) == 0 && rest != nullptr) ReportDamagedFreeBlock(rest);
  t_cache.head[c] = rest;
  NoteFlushed(t_cache.policy[c], count);
}

void FlushAllBins() {
  if constexpr (kVariant.armour) EmptyQuarantine();
  for (unsigned c = 0; c < kClasses; ++c) {
    FlushBin(c, Cached(c), false);
    SetLimit(c, 0);
    t_cache.policy[c].again = 0;
    PublishCached(c);
  }
  if (Heap* heap = t_cache.heap) {
    LockHolder hold(heap->lock);
    ReleaseKeptLocked(*heap);
  }
}

Heap* OwnHeap() {
  if (!MayCache()) return nullptr;
  if (t_cache.heap == nullptr) {
    if (!Unpark()) t_cache.heap = AcquireHeap();
    if constexpr (kVariant.armour) SeedQuarantine();
  }
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
  const unsigned want = NextBatch(c);
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
  // Opaque: else its address is computed again for every field.
  BinPolicy& policy = *At<BinPolicy>(
      platform::Opaque(reinterpret_cast<uintptr_t>(&t_cache.policy[c])));
  const unsigned now = TickOf(platform::Now());
  const unsigned usual = MaxLimit(c);
  if (!MayKeepBlocks()) {
    FlushBin(c, Cached(c), false);
    SetLimit(c, 0);
  } else if (LiveHasFallen() && policy.limit <= usual) {
    FlushAllBins();
    ReleaseParked();
  } else if (RaiseLimit(c, policy, now)) {
    return;
  } else if (!IsOnlyFreed(policy)) {
    FlushBin(c, Least(policy.limit, usual) / 2 + 1, true);
  } else {
    policy.again = 0;
    if (policy.growth != 0) --policy.growth;
    const unsigned limit = Most(policy.limit / 2u, IdleFloor(c));
    // Nothing is kept: nobody would take it. Not all at once of a large bin.
    FlushBin(c, Least(Cached(c), usual), false);
    SetLimit(c, Most(limit, Cached(c)));
  }
  policy.tick = now % kTicks;
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
