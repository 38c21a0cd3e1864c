// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: how blocks leave and enter a slab.
// Locks: the heap's, held by every caller.
// Read next: alloc/tiny/heap.cc

#include "alloc/base/bytes.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/stage_counts.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/remote_word.h"
#include "alloc/tiny/small.h"
#include "platform/page_source.h"

namespace hakmem::tiny {

namespace {

using superslab::FreeBits;
using superslab::kSlabBytes;

HAK_CONSTINIT std::atomic<bool> g_took_larger{false};

// Of a batch so many blocks are needed, the others are only cheap if they are
// there: armoured ones, so that there is something to shuffle.
constexpr unsigned kNeeded = kVariant.armour ? 8 : 1;

constexpr size_t kLinkBytes = sizeof(void*);  // of a free block in a chain
// Marks the pages of a block as written: those of its header byte up to those
// of its last. Returns where the last one ends; 0: it is clean and `may_touch`
// is not given.
HAK_COLD uintptr_t TouchBlock(Heap& heap, SlabDescriptor* slab, uintptr_t block,
                              bool may_touch) {
  const unsigned shift = PageShift();
  const uintptr_t base = SlabBase(slab);
  const size_t offset = block - base;
  size_t page = (offset - 1) >> shift;
  const size_t last = (offset + StrideBytes(slab) - 2) >> shift;
  if (!may_touch && ((slab->clean_pages >> last) & 1) != 0) return 0;
  for (; page <= last; ++page) {
    const uint16_t bit = static_cast<uint16_t>(1u << page);
    if ((slab->clean_pages & bit) == 0) continue;
    slab->clean_pages = static_cast<uint16_t>(slab->clean_pages & ~bit);
    heap.dirty_bytes += size_t{1} << shift;
    heap.fresh_bytes += size_t{1} << shift;
    // A page that is read first faults twice. relaxed: it changes nothing.
    if constexpr (kVariant.armour) {
      __atomic_fetch_or(At<char>(base + (page << shift)), 0, __ATOMIC_RELAXED);
    }
    // What a purge has zeroed says nothing about what was written there.
    if (page == (offset - 1) >> shift) StoreHeader(At<void>(block), 0);
  }
  return base + ((last + 1) << shift);
}

HAK_INLINE void Append(Chain* out, void* block) {
  if (out->tail == nullptr) {
    out->head = block;
  } else {
    StoreLink(out->tail, block);
  }
  out->tail = block;
  ++out->count;
}

// Is this free block's header what we left there, or 0 on a page that was
// purged since?
bool HeaderIntact(const void* block, int8_t free_token) {
  const int8_t header = LoadHeader(block);
  return header == free_token || header == 0;
}

// Is a free block zero from byte `from` on? What a purge took is, too.
bool ContentIntact(const void* block, unsigned size_class, size_t from) {
  if constexpr (!kVariant.armour) return true;
  return IsZeroSlot(block, kStride[size_class], from);
}

// Who is free by a bit has no link: nobody would see that it was overwritten.
HAK_INLINE void ClearLink(void* block) {
  if constexpr (kVariant.armour) memset(block, 0, kLinkBytes);
}

void* ChainHead(const SlabDescriptor* slab) {
  return At<void>(SlabBase(slab) + size_t{slab->chain_head} * kUnit);
}

// The collected chain is ready to use: headers free, links set, nullptr at its
// end. If it is not much longer than what is wanted it goes as a whole: nobody
// touches its blocks before the program does. Who wants one has no cache.
TakeResult TakeChainLocked(SlabDescriptor* slab, unsigned want, Chain* out) {
  void* const head = ChainHead(slab);
  unsigned count = slab->chain_count;
  void* damaged = nullptr;
  void* rest = nullptr;
  if (kVariant.armour || want == 1 || count / 2 > want) {
    if (count > want) count = want;
    void* last = head;
    for (unsigned i = 1; i <= count; ++i) {
      if (HAK_UNLIKELY(!ContentIntact(last, ClassOf(slab), kLinkBytes))) {
        damaged = last;
      }
      rest = LoadLink(last);
      if (i < count) last = rest;
    }
    StoreLink(last, nullptr);
  }
  slab->chain_count = static_cast<uint16_t>(slab->chain_count - count);
  const uintptr_t offset = AddressOf(static_cast<char*>(rest)) - SlabBase(slab);
  // A link that was overwritten must not make an offset out of thin air.
  if (slab->chain_count > 0 && offset >= kSlabBytes) {
    platform::Die("damaged free block: its link leads out of the slab");
  }
  slab->chain_head = slab->chain_count == 0
                         ? uint16_t{0}
                         : static_cast<uint16_t>(offset / kUnit);
  *out = {head, nullptr, count};
  return {count, damaged};
}

// Blocks of an open slab; if it has none it goes to `full`.
HAK_COLD TakeResult TakeOrPutAsideLocked(Heap& heap, SlabDescriptor* slab,
                                         unsigned want, Chain* out) {
  // What others have freed before pages that nobody has written yet: else all
  // of a slab is written before any of it is used again. A few blocks are not
  // worth the CAS. relaxed: a hint.
  if (slab->clean_pages != 0 && slab->chain_count == 0 &&
      RemoteWord::Unpack(slab->remote.load(std::memory_order_relaxed)).count >=
          want / 4) {
    (void)CollectLocked(slab);
  }
  for (;;) {
    const TakeResult result = TakeBlocksLocked(heap, slab, want, out);
    if (result.count > 0 || result.damaged != nullptr) {
      heap.counts[ClassOf(slab)].refilled += result.count;
      return result;
    }
    if (CollectLocked(slab)) continue;
    // relaxed: the CAS checks.
    const uint64_t old = slab->remote.load(std::memory_order_relaxed);
    if (RemoteWord::Unpack(old).count > 0) continue;
    // With a notify still on its way the state stays OPEN: a second notify
    // must not be born before the first has arrived, which will bring the slab
    // back.
    if ((slab->flags & kNotifyPending) == 0 &&
        !ChangeState(slab, old, SlabState::kFull)) {
      continue;
    }
    UnlinkLocked(heap, slab);
    PushListLocked(heap, slab, kFull);
    return result;
  }
}

}  // namespace

TakeResult TakeBlocksLocked(Heap& heap, SlabDescriptor* slab, unsigned want,
                            Chain* out) {
  if ((slab->flags & kKept) != 0) {
    slab->flags = static_cast<uint8_t>(slab->flags & ~kKept);
    --heap.kept;
    superslab::Stages::Add(superslab::Stage::kKept);
  }
  if (slab->chain_count > 0) return TakeChainLocked(slab, want, out);
  uint64_t* bits = FreeBits(slab);
  const size_t stride = StrideBytes(slab);
  const uintptr_t first = FirstBlock(slab);
  const unsigned words = (slab->capacity + 63u) / 64;
  const int8_t free_token = static_cast<int8_t>(slab->token + kFreeBias);
  // What ends up to here lies in pages that are known to be written.
  uintptr_t ready = slab->clean_pages != 0 ? 1 : UINTPTR_MAX;
  unsigned carved = slab->carved;
  // Not `out` itself: this one stays in registers.
  Chain chain;
  void* damaged = nullptr;
  bool enough = false;
  unsigned w = slab->scan;
  for (; w < words && !enough; ++w) {
    uint64_t word = bits[w];
    for (; word != 0; word &= word - 1) {
      const unsigned index =
          w * 64 + static_cast<unsigned>(__builtin_ctzll(word));
      const uintptr_t address = first + index * stride;
      if (address + stride - 1 > ready && chain.count != want) {
        ready = TouchBlock(heap, slab, address, chain.count < kNeeded);
      }
      enough = chain.count == want || ready == 0;
      if (enough) break;
      void* block = At<void>(address);
      const bool fresh = index >= carved;
      if (fresh) carved = index + 1;
      if (HAK_UNLIKELY((!fresh && !HeaderIntact(block, free_token)) ||
                       !ContentIntact(block, ClassOf(slab), 0))) {
        damaged = block;
        enough = true;
        break;
      }
      StoreHeader(block, free_token);
      Append(&chain, block);
    }
    bits[w] = word;
  }
  // Stopped in the middle of a word: it is looked at again.
  slab->scan = static_cast<uint8_t>(enough ? w - 1 : w);
  // release: pairs with the acquire in IsSound (armour.h).
  __atomic_store_n(&slab->carved, static_cast<uint16_t>(carved),
                   kVariant.armour ? __ATOMIC_RELEASE : __ATOMIC_RELAXED);
  *out = chain;
  SetUsed(slab, UsedOf(slab) + chain.count);
  heap.used_bytes.Add(chain.count * stride);
  heap.counts[ClassOf(slab)].used.Add(chain.count);
  return {chain.count, damaged};
}

TakeResult TakeFromPartialLocked(Heap& heap, unsigned size_class, unsigned want,
                                 Chain* out) {
  while (SlabDescriptor* slab = heap.partial[size_class]) {
    const TakeResult result = TakeOrPutAsideLocked(heap, slab, want, out);
    if (result.count > 0 || result.damaged != nullptr) return result;
  }
  return {0, nullptr};
}

void* TakeLarger(Heap& heap, size_t bytes) {
  if constexpr (kVariant.armour) return nullptr;
  LockHolder hold(heap.lock);
  for (unsigned c = ClassFor(bytes) + 1; c < kClasses; ++c) {
    if (kVariant.narrow_classes && bytes <= UsableBytes(c - 1) / 2) break;
    Chain chain;
    if (TakeFromPartialLocked(heap, c, 1, &chain).count == 0) continue;
    StoreHeader(chain.head, LiveToken(c));
    // relaxed: whoever frees the block got it from this thread, after this.
    g_took_larger.store(true, std::memory_order_relaxed);
    return chain.head;
  }
  return nullptr;
}

bool TookLarger() {
  // relaxed: see TakeLarger.
  return g_took_larger.load(std::memory_order_relaxed);
}

TakeResult TakeAlignedLocked(Heap& heap, unsigned size_class, size_t alignment,
                             unsigned want, Chain* out) {
  // Slabs of other alignments share the list: look at a few.
  constexpr int kTries = 16;
  SlabDescriptor* slab = heap.aligned[size_class];
  for (int i = 0; i < kTries && slab != nullptr; ++i) {
    SlabDescriptor* next = slab->next;
    const size_t layout = StrideBytes(slab) | slab->first_units * kUnit;
    if ((layout & (alignment - 1)) == 0) {
      const TakeResult result = TakeOrPutAsideLocked(heap, slab, want, out);
      if (result.count > 0 || result.damaged != nullptr) return result;
    }
    slab = next;
  }
  return {0, nullptr};
}

bool CollectLocked(SlabDescriptor* slab) {
  // relaxed: the CAS below takes what it sees.
  uint64_t old = slab->remote.load(std::memory_order_relaxed);
  RemoteWord word;
  do {
    word = RemoteWord::Unpack(old);
    if (word.count == 0) return false;
    // acquire: pairs with the release of the pushers, whose links we follow.
  } while (!slab->remote.compare_exchange_weak(old, word.Collect().Pack(),
                                               std::memory_order_acquire,
                                               std::memory_order_relaxed));
  if (slab->chain_count > 0) {
    // Rare: append what we had. The new chain ends after `count` links.
    void* tail = At<void>(SlabBase(slab) + size_t{word.head} * kUnit);
    for (unsigned i = 1; i < word.count; ++i) tail = LoadLink(tail);
    StoreLink(tail,
              At<void>(SlabBase(slab) + size_t{slab->chain_head} * kUnit));
  }
  slab->chain_head = word.head;
  slab->chain_count = static_cast<uint16_t>(slab->chain_count + word.count);
  return true;
}

namespace {

// A block of the slab, `offset` bytes into it, is free from now on.
// False: it is none, or was free already.
HAK_INLINE bool MarkFree(SlabDescriptor* slab, size_t offset) {
  const unsigned index = IndexAt(slab, offset);
  if (HAK_UNLIKELY(index >= slab->capacity)) return false;
  uint64_t& word = FreeBits(slab)[index / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  if (HAK_UNLIKELY((word & bit) != 0)) return false;
  word |= bit;
  if (index / 64 < slab->scan) slab->scan = static_cast<uint8_t>(index / 64);
  return true;
}

}  // namespace

void SettleChainLocked(Heap& heap, SlabDescriptor* slab) {
  const unsigned count = slab->chain_count;
  void* block = ChainHead(slab);
  for (unsigned i = 0; i < count; ++i) {
    void* next = LoadLink(block);
    if (HAK_UNLIKELY(!ContentIntact(block, ClassOf(slab), kLinkBytes))) {
      ReportDamagedFreeBlock(block);
    }
    ClearLink(block);
    const uintptr_t offset =
        AddressOf(static_cast<char*>(block)) - SlabBase(slab);
    if (offset >= kSlabBytes || !MarkFree(slab, offset)) {
      platform::Die("double free found in a slab");
    }
    block = next;
  }
  slab->chain_count = 0;
  slab->chain_head = 0;
  SetUsed(slab, UsedOf(slab) - count);
  heap.used_bytes.Subtract(count * StrideBytes(slab));
  heap.counts[ClassOf(slab)].used.Subtract(count);
}

bool IsMarkedFree(const SlabDescriptor* slab, uintptr_t address) {
  const unsigned index = IndexAt(slab, address - SlabBase(slab));
  if (index >= slab->capacity) return false;
  const uint64_t word = FreeBits(const_cast<SlabDescriptor*>(slab))[index / 64];
  return ((word >> (index % 64)) & 1) != 0;
}

namespace {

// So many blocks of the slab are marked free.
HAK_INLINE void NoteReturnedLocked(Heap& heap, SlabDescriptor* slab,
                                   unsigned count, bool keep_empty) {
  const unsigned used = UsedOf(slab) - count;
  SetUsed(slab, used);
  if (HAK_UNLIKELY(ListOf(slab) == kFull)) OpenLocked(heap, slab);
  // relaxed: a hint; ReleaseIfEmptyLocked looks properly.
  const uint64_t word = slab->remote.load(std::memory_order_relaxed);
  if (HAK_UNLIKELY(used == slab->chain_count +
                               unsigned{RemoteWord::Unpack(word).count})) {
    (void)ReleaseIfEmptyLocked(heap, slab, keep_empty);
  }
}

}  // namespace

void ReturnListLocked(Heap& heap, unsigned size_class, bool keep_empty,
                      Returning* returning) {
  const uintptr_t base = superslab::WindowBase();
  const size_t limit = superslab::SlabLimit();
  const int8_t live = LiveToken(size_class);
  const int8_t free = FreeToken(size_class);
  void* list = returning->list;
  unsigned count = returning->count;
  unsigned returned = 0;
  size_t bytes = 0;
  while (count != 0) {
    uintptr_t offset = AddressOf(static_cast<char*>(list)) - base;
    const size_t index = offset >> superslab::kSlabShift;
    // Nothing is followed before it is known to lead to a slab.
    if (HAK_UNLIKELY(index >= limit || superslab::MapByte(index) != live)) {
      ReportDamagedFreeBlock(list);
    }
    // Opaque: else its address is computed again for every field.
    SlabDescriptor* const slab = At<SlabDescriptor>(platform::Opaque(
        reinterpret_cast<uintptr_t>(superslab::Descriptor(index))));
    // relaxed: only we make slabs ours or give them up, under this lock.
    const bool mine = slab->owner.load(std::memory_order_relaxed) == &heap;
    // As many as follow in this slab.
    unsigned run = 0;
    do {
      if (HAK_UNLIKELY(LoadHeader(list) != free)) ReportDamagedFreeBlock(list);
      void* const next = LoadLink(list);
      if (HAK_UNLIKELY(!mine)) {
        StoreLink(list, returning->others);
        returning->others = list;
        ++returning->others_count;
      } else if (HAK_UNLIKELY(!MarkFree(slab, offset % kSlabBytes))) {
        ReportBadPointer(list, "free");
      } else {
        ClearLink(list);
        ++run;
      }
      list = next;
      offset = AddressOf(static_cast<char*>(list)) - base;
    } while (--count != 0 && offset >> superslab::kSlabShift == index);
    if (!mine) continue;
    returned += run;
    bytes += run * StrideBytes(slab);
    NoteReturnedLocked(heap, slab, run, keep_empty);
  }
  returning->list = list;
  heap.used_bytes.Subtract(bytes);
  ClassCounts& counts = heap.counts[size_class];
  counts.used.Subtract(returned);
  counts.flushed += returned;
}

}  // namespace hakmem::tiny
