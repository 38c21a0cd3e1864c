// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: stages 2 and 3 of the acquire, the release, and the purge of slabs.
// Locks: none across a system call: a slab is taken out of its SuperSlab word
//        before anything happens to its pages, and who maps a SuperSlab is
//        decided by one word that the others wait for.
// Read next: alloc/tiny/size_class.h

#include "alloc/superslab/slab_pool.h"

#include "alloc/base/pointers.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/guard_slab.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/super_word.h"
#include "alloc/superslab/window.h"
#include "hakmem.h"
#include "platform/page_source.h"

namespace hakmem::superslab {

HAK_CONSTINIT std::atomic<AddSlabs> g_add_slabs{nullptr};

namespace {

struct PoolState {
  std::atomic<uint32_t> mapping{0};  // 1: somebody maps a SuperSlab
  std::atomic<uint32_t> purging{0};  // 1: somebody purges
  std::atomic<uint32_t> supers{0};   // mapped ones that hold slabs
  std::atomic<uint64_t> from_pool{0};
  std::atomic<uint64_t> from_mapping{0};
  std::atomic<uint64_t> released{0};
};
HAK_CONSTINIT PoolState g_pool;

void Count(std::atomic<uint64_t>& counter) {
  // relaxed: a gauge.
  counter.fetch_add(1, std::memory_order_relaxed);
}

void SetAvailable(size_t super_index) {
  const size_t group = super_index / 16;
  std::atomic<uint64_t>& word = g_window.available[group / 64];
  const uint64_t bit = uint64_t{1} << (group % 64);
  // release: a searcher that sees the bit sees the SuperSlab word. Always a
  // read-modify-write, never a peek first: a peek may read the bit from before
  // a searcher cleared it, while that searcher does not see our slab yet. Of
  // two read-modify-writes of one word, one sees the other.
  word.fetch_or(bit, std::memory_order_release);
}

void PutBack(size_t super_index, SuperMeta* meta, uint16_t mask,
             uint16_t clean) {
  // relaxed: the CAS below checks.
  uint64_t old = meta->word.load(std::memory_order_relaxed);
  // release: pairs with the acquire in TakeFromSuper.
  while (!meta->word.compare_exchange_weak(
      old, SuperWord::Unpack(old).Put(mask, clean).Pack(),
      std::memory_order_release, std::memory_order_relaxed)) {
  }
  SetAvailable(super_index);
}

// Takes the best slab of this SuperSlab, if it has one.
SlabDescriptor* TakeFromSuper(size_t super_index) {
  SuperMeta* meta = MetaOf(super_index);
  if (meta == nullptr) return nullptr;
  // relaxed: the CAS below checks.
  uint64_t old = meta->word.load(std::memory_order_relaxed);
  for (;;) {
    const SuperWord word = SuperWord::Unpack(old);
    if (word.free == 0) return nullptr;
    const uint16_t mask = word.Lowest();
    // acquire: pairs with the release of whoever put the slab back; what it
    // wrote into the descriptor is ours now.
    if (meta->word.compare_exchange_weak(old, word.Take(mask).Pack(),
                                         std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      return &meta->slabs[__builtin_ctz(mask)].descriptor;
    }
  }
}

SlabDescriptor* TakeFromGroup(size_t group) {
  for (size_t i = group * 16; i < group * 16 + 16; ++i) {
    if (SlabDescriptor* slab = TakeFromSuper(i)) return slab;
  }
  return nullptr;
}

// Stage 2: lowest address first, so that high SuperSlabs run empty.
SlabDescriptor* TakeFromPool() {
  // relaxed: a bound; what lies above it has no slab yet.
  const size_t supers = g_window.high_water.load(std::memory_order_relaxed);
  for (size_t w = 0; w * 64 * 16 < supers; ++w) {
    std::atomic<uint64_t>& available = g_window.available[w];
    // acquire: pairs with the release in SetAvailable.
    uint64_t bits = available.load(std::memory_order_acquire);
    while (bits != 0) {
      const unsigned b = static_cast<unsigned>(__builtin_ctzll(bits));
      const uint64_t bit = uint64_t{1} << b;
      const size_t group = w * 64 + b;
      if (SlabDescriptor* slab = TakeFromGroup(group)) return slab;
      // Nothing there. A release between our search and the clearing of the
      // bit would be lost, so look once more after it.
      // acq_rel: the second search sees what a lost release put back.
      available.fetch_and(~bit, std::memory_order_acq_rel);
      if (SlabDescriptor* slab = TakeFromGroup(group)) {
        SetAvailable(group * 16);
        return slab;
      }
      bits &= ~bit;
    }
  }
  return nullptr;
}

SuperMeta* PrepareMeta(size_t super_index) {
  SuperMeta* meta = MetaOf(super_index);
  if (meta == nullptr) {
    meta = static_cast<SuperMeta*>(AllocateMetadata(sizeof(SuperMeta)));
    if (meta == nullptr) return nullptr;
  }
  for (unsigned i = 0; i < kSlabsPerSuper; ++i) {
    SlabDescriptor& slab = meta->slabs[i].descriptor;
    slab.slab_index = static_cast<uint32_t>(super_index * kSlabsPerSuper + i);
    slab.clean_pages = AllPages();
  }
  return meta;
}

// Puts a SuperSlab's slabs into the pool, but for the mask `taken`. False: no
// memory for their descriptors.
bool OpenSuper(size_t index, uint16_t taken) {
  SuperMeta* meta = PrepareMeta(index);
  if (meta == nullptr) return false;
  // Behind the end of one that is mapped in part nobody can write, either.
  const unsigned guards =
      PlaceGuard(index) | (0xFFFFu & ~0u << MappedSlabs(index));
  meta->guards.store(guards, std::memory_order_relaxed);
  // relaxed: published by the release below.
  meta->mixed.store(0, std::memory_order_relaxed);
  // release: pairs with the acquire in MetaOf and Descriptor.
  Entry(index).slabs.store(meta, std::memory_order_release);
  // relaxed: a gauge; raised first, since it may be retired at once.
  g_pool.supers.fetch_add(1, std::memory_order_relaxed);
  const auto open = static_cast<uint16_t>(~(taken | guards));
  PutBack(index, meta, open, open);
  return true;
}

// Stage 3. The mapper keeps the first slab. All others who need one wait
// meanwhile, so a large heap grows by an eighth, of which nothing is resident
// but the descriptors, unless it is all brought in (prefault).
SlabDescriptor* MapSuper() {
  // relaxed: a gauge.
  size_t count = g_pool.supers.load(std::memory_order_relaxed) / 8;
  if (count > 8) count = 8;
  if (hak_config.prefault != 0) count = 0;
  size_t index = ClaimSupers(count);
  for (int tries = 0; tries < 2; ++tries) {
    // All there was may have gone into the memory that it should describe.
    if (tries == 1 && !ReserveMetadata(sizeof(SuperMeta))) break;
    if (index == kNoSuper) {
      index = ClaimSuperOrPart();
      count = 1;
    }
    if (index == kNoSuper) break;
    bool opened = false;
    do {
      --count;
      opened = OpenSuper(index + count, count == 0);
      if (!opened) (void)UnclaimSupers(index + count, 1);
    } while (count != 0);
    if (opened) return &MetaOf(index)->slabs[0].descriptor;
    index = kNoSuper;
  }
  return nullptr;
}

size_t DirtyBytes(const SlabDescriptor* slab) {
  const unsigned dirty = AllPages() & ~slab->clean_pages;
  return static_cast<size_t>(PopCount16(dirty)) * platform::PageSize();
}

// Decommits the slabs in `mask`, which the caller took out of the word.
// Returns those that read as zero now.
uint16_t DecommitSlabs(SuperMeta* meta, uint16_t mask) {
  uint16_t done = 0;
  for (unsigned i = 0; i < kSlabsPerSuper;) {
    if (((mask >> i) & 1) == 0) {
      ++i;
      continue;
    }
    unsigned end = i;
    while (end < kSlabsPerSuper && ((mask >> end) & 1) != 0) ++end;
    const uintptr_t start = SlabAddress(meta->slabs[i].descriptor.slab_index);
    if (GiveBack(At<void>(start), (end - i) << kSlabShift)) {
      for (unsigned k = i; k < end; ++k) {
        SlabDescriptor& slab = meta->slabs[k].descriptor;
        const size_t bytes = DirtyBytes(&slab);
        TakeFrom(g_budget.dirty, bytes);
        NotePurged(bytes);
        slab.clean_pages = AllPages();
        done = static_cast<uint16_t>(done | (1u << k));
      }
    }
    i = end;
  }
  return done;
}

// Unmaps a SuperSlab whose slabs are all in the pool.
bool Retire(size_t super_index, SuperMeta* meta) {
  // acquire: who took a slab out and set `mixed` put it back by a release.
  uint64_t old = meta->word.load(std::memory_order_acquire);
  const SuperWord word = SuperWord::Unpack(old);
  if (!AllFree(meta, word)) return false;
  // acquire: as in TakeFromSuper.
  if (!meta->word.compare_exchange_strong(old, word.Take(0xFFFF).Pack(),
                                          std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
    return false;
  }
  size_t dirty = 0;
  for (SlabRecord& record : meta->slabs)
    dirty += DirtyBytes(&record.descriptor);
  // relaxed: a gauge; lowered first, since the entry may be reused at once.
  g_pool.supers.fetch_sub(1, std::memory_order_relaxed);
  if (!UnclaimSupers(super_index, 1)) {
    g_pool.supers.fetch_add(1, std::memory_order_relaxed);
    PutBack(super_index, meta, word.free, word.clean);
    return false;
  }
  TakeFrom(g_budget.dirty, dirty);
  NotePurged(dirty);
  return true;
}

}  // namespace

uint16_t AllPages() {
  return static_cast<uint16_t>((1u << PagesPerSlab()) - 1);
}

SlabDescriptor* TakeFreeSlab() {
  SlabDescriptor* slab = TakeFromPool();
  if (slab != nullptr) TakeFrom(g_budget.dirty, DirtyBytes(slab));
  return slab;
}

SlabDescriptor* AcquireSlab() {
  for (;;) {
    SlabDescriptor* slab = TakeFromPool();
    bool mapped = false;
    if (slab == nullptr) {
      if (!EnsureWindow()) return nullptr;
      if (const FixedSource* fixed = Fixed()) {
        if (!fixed->add_slabs()) return nullptr;
        continue;
      }
      uint32_t expected = 0;
      // acquire: pairs with the release in EndTurn: what the last mapper
      // published is seen by the next search.
      if (!g_pool.mapping.compare_exchange_strong(expected, 1,
                                                  std::memory_order_acquire)) {
        platform::FutexWait(&g_pool.mapping, 1);
        continue;
      }
      // Somebody may have mapped one since we looked.
      slab = TakeFromPool();
      if (slab == nullptr) {
        slab = MapSuper();
        mapped = true;
      }
      EndTurn(g_pool.mapping);
      if (slab == nullptr) {
        // acquire: pairs with the release of the box that set it.
        const AddSlabs add = g_add_slabs.load(std::memory_order_acquire);
        if (add == nullptr || !add()) return nullptr;
        continue;
      }
    }
    Count(mapped ? g_pool.from_mapping : g_pool.from_pool);
    const size_t dirty = DirtyBytes(slab);
    TakeFrom(g_budget.dirty, dirty);
    if (dirty == 0) GiveBackForGrowth();
    return slab;
  }
}

SuperMeta* Mix(size_t super_index, Lender lender) {
  SuperMeta* meta = MetaOf(super_index);
  if (meta == nullptr) {
    SuperMeta* fresh = PrepareMeta(super_index);
    if (fresh == nullptr) return nullptr;
    // release: pairs with the acquire in MetaOf and Descriptor; acquire:
    // another thread was faster, and ours is lost.
    if (Entry(super_index)
            .slabs.compare_exchange_strong(meta, fresh,
                                           std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
      meta = fresh;
    }
  }
  // relaxed: the caller holds a slab of it out of the word, see AllFree.
  if (meta->mixed.exchange(1, std::memory_order_relaxed) == 0 &&
      lender == Lender::kSlabs) {
    // relaxed: a gauge.
    g_pool.supers.fetch_sub(1, std::memory_order_relaxed);
  }
  return meta;
}

void ReleaseSlab(SlabDescriptor* slab) {
  const size_t index = slab->slab_index;
  SetMapByte(index, kReleased);
  AddTo(g_budget.dirty, DirtyBytes(slab));
  const uint16_t bit = static_cast<uint16_t>(1u << (index % kSlabsPerSuper));
  const bool clean = slab->clean_pages == AllPages();
  const size_t super_index = index / kSlabsPerSuper;
  PutBack(super_index, MetaOf(super_index), bit, clean ? bit : uint16_t{0});
  Count(g_pool.released);
}

void PurgeSlabs(size_t keep, size_t keep_supers) {
  if (WindowIsFixed()) return;
  uint32_t expected = 0;
  // acquire: pairs with the release below; one purger is enough.
  if (!g_pool.purging.compare_exchange_strong(expected, 1,
                                              std::memory_order_acquire)) {
    return;
  }
  // relaxed: a bound, as above.
  size_t i = g_window.high_water.load(std::memory_order_relaxed);
  while (i > 0 && (keep_supers == 0 || Read(g_budget.dirty) > keep)) {
    SuperMeta* meta = MetaOf(--i);
    if (meta == nullptr) continue;
    // relaxed: the CAS below checks.
    uint64_t old = meta->word.load(std::memory_order_relaxed);
    SuperWord word = SuperWord::Unpack(old);
    // relaxed: a bound on what stays mapped.
    if (AllFree(meta, word) &&
        g_pool.supers.load(std::memory_order_relaxed) > keep_supers &&
        Retire(i, meta)) {
      continue;
    }
    const uint16_t mask = word.dirty();
    // acquire: as in TakeFromSuper.
    if (mask == 0 || !meta->word.compare_exchange_strong(
                         old, word.Take(mask).Pack(), std::memory_order_acquire,
                         std::memory_order_relaxed)) {
      continue;
    }
    const uint16_t clean = DecommitSlabs(meta, mask);
    PutBack(i, meta, mask, clean);
    // relaxed: as above.
    if (g_pool.supers.load(std::memory_order_relaxed) > keep_supers) {
      (void)Retire(i, meta);
    }
  }
  // release: pairs with the acquire above.
  g_pool.purging.store(0, std::memory_order_release);
}

void LockPoolForFork() {
  TakeTurn(g_pool.mapping);
  LockLimitForFork();
}

void UnlockPoolForFork(bool child) {
  UnlockLimitForFork();
  // A purge that another thread was in the middle of never ends in the child:
  // the slabs it had taken out are lost there, at most one SuperSlab.
  if (child) g_pool.purging.store(0, std::memory_order_relaxed);
  EndTurn(g_pool.mapping);
}

PoolCounts ReadPoolCounts() {
  // relaxed: gauges.
  return {g_pool.from_pool.load(std::memory_order_relaxed),
          g_pool.from_mapping.load(std::memory_order_relaxed),
          g_pool.released.load(std::memory_order_relaxed)};
}

uint16_t FreeSlabs(size_t super_index) {
  SuperMeta* meta = MetaOf(super_index);
  if (meta == nullptr) return 0;
  // relaxed: a snapshot.
  return SuperWord::Unpack(meta->word.load(std::memory_order_relaxed)).free;
}

}  // namespace hakmem::superslab
