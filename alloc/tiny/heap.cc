// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: how blocks leave and enter the slabs of a heap.
// Locks: the heap's, held by every caller.
// Read next: alloc/tiny/remote_free.cc

#include "alloc/tiny/heap.h"

#include "alloc/superslab/budget.h"
#include "alloc/tiny/remote_word.h"
#include "platform/page_source.h"

namespace hakmem::tiny {

HAK_CONSTINIT uintptr_t g_link_key = 0;

namespace {

using superslab::FreeBits;
using superslab::kSlabBytes;
using superslab::kSlabShift;

unsigned PageShift() {
  return static_cast<unsigned>(__builtin_ctzl(platform::PageSize()));
}

SlabDescriptor** HeadOf(Heap& heap, SlabDescriptor* slab, uint8_t list) {
  switch (list) {
    case kPartial:
      return &heap.partial[ClassOf(slab)];
    case kAligned:
      return &heap.aligned;
    case kFull:
      return &heap.full;
    default:
      return &heap.purging;
  }
}

// The owner changes only the state; a failed CAS means that a remote free came
// in between.
bool ChangeState(SlabDescriptor* slab, uint64_t old, SlabState state) {
  // release: what we did to the slab is visible to who finds it in this state.
  return slab->remote.compare_exchange_strong(
      old, RemoteWord::Unpack(old).To(state).Pack(), std::memory_order_release,
      std::memory_order_relaxed);
}

// A slab of `full` has a free block again.
void OpenLocked(Heap& heap, SlabDescriptor* slab) {
  // relaxed: the CAS checks.
  uint64_t old = slab->remote.load(std::memory_order_relaxed);
  if (RemoteWord::Unpack(old).state != SlabState::kFull ||
      !ChangeState(slab, old, SlabState::kOpen)) {
    // Somebody opened it before us and owes us a notify.
    slab->flags |= kNotifyPending;
  }
  UnlinkLocked(heap, slab);
  PushListLocked(heap, slab, OpenList(slab));
}

// Marks the pages of block bytes [first, last] as written.
void TouchPages(Heap& heap, SlabDescriptor* slab, size_t first, size_t last) {
  const unsigned shift = PageShift();
  for (size_t page = first >> shift; page <= last >> shift; ++page) {
    const uint16_t bit = static_cast<uint16_t>(1u << page);
    if ((slab->clean_pages & bit) != 0) {
      slab->clean_pages = static_cast<uint16_t>(slab->clean_pages & ~bit);
      heap.dirty_bytes += size_t{1} << shift;
    }
  }
}

bool IsCleanPage(const SlabDescriptor* slab, size_t offset) {
  return ((slab->clean_pages >> (offset >> PageShift())) & 1) != 0;
}

void Append(Chain* out, void* block) {
  if (out->tail == nullptr) {
    out->head = block;
  } else {
    StoreLink(out->tail, block);
  }
  out->tail = block;
  ++out->count;
}

// The collected chain is ready to use: headers free, links set.
unsigned TakeChainLocked(SlabDescriptor* slab, unsigned want, Chain* out) {
  void* block = At<void>(SlabBase(slab) + size_t{slab->chain_head} * kUnit);
  unsigned taken = 0;
  while (slab->chain_count > 0 && taken < want) {
    void* next = LoadLink(block);
    Append(out, block);
    ++taken;
    --slab->chain_count;
    block = next;
  }
  const uintptr_t rest = AddressOf(static_cast<char*>(block));
  // A link that was overwritten must not make an offset out of thin air.
  if (slab->chain_count > 0 && (rest - SlabBase(slab)) >= kSlabBytes) {
    platform::Die("damaged free block: its link leads out of the slab");
  }
  slab->chain_head =
      slab->chain_count == 0
          ? uint16_t{0}
          : static_cast<uint16_t>((rest - SlabBase(slab)) / kUnit);
  return taken;
}

// Is this free block's header what we left there?
bool HeaderIntact(const SlabDescriptor* slab, unsigned index, void* block) {
  if (index >= slab->carved) return true;
  const int8_t header = LoadHeader(block);
  return header == 0 || header == static_cast<int8_t>(slab->token + kFreeBias);
}

// Blocks of an open slab; if it has none it goes to `full`.
TakeResult TakeOrPutAsideLocked(Heap& heap, SlabDescriptor* slab, unsigned want,
                                Chain* out) {
  for (;;) {
    const TakeResult result = TakeBlocksLocked(heap, slab, want, out);
    if (result.count > 0 || result.damaged != nullptr) {
      heap.counts[ClassOf(slab)].refilled += result.count;
      return result;
    }
    if (CollectLocked(slab)) continue;
    // relaxed: the CAS checks.
    const uint64_t old = slab->remote.load(std::memory_order_relaxed);
    if (RemoteWord::Unpack(old).count > 0 ||
        !ChangeState(slab, old, SlabState::kFull)) {
      continue;
    }
    UnlinkLocked(heap, slab);
    PushListLocked(heap, slab, kFull);
    return result;
  }
}

}  // namespace

ListId OpenList(const SlabDescriptor* slab) {
  const bool aligned =
      StrideBytes(slab) != kStride[ClassOf(slab)] || slab->first_units != 1;
  return aligned ? kAligned : kPartial;
}

void PushListLocked(Heap& heap, SlabDescriptor* slab, ListId list) {
  SlabDescriptor** head = HeadOf(heap, slab, list);
  SetList(slab, list);
  slab->prev = nullptr;
  slab->next = *head;
  if (*head != nullptr) (*head)->prev = slab;
  *head = slab;
}

void UnlinkLocked(Heap& heap, SlabDescriptor* slab) {
  if (slab->prev != nullptr) {
    slab->prev->next = slab->next;
  } else {
    *HeadOf(heap, slab, ListOf(slab)) = slab->next;
  }
  if (slab->next != nullptr) slab->next->prev = slab->prev;
  SetList(slab, kNoList);
}

void AddToBooksLocked(Heap& heap, SlabDescriptor* slab) {
  const unsigned dirty = superslab::AllPages() & ~slab->clean_pages;
  ClassCounts& counts = heap.counts[ClassOf(slab)];
  heap.dirty_bytes += static_cast<size_t>(PopCount16(dirty)) << PageShift();
  heap.used_bytes += UsedOf(slab) * StrideBytes(slab);
  ++counts.slabs;
  counts.used += UsedOf(slab);
}

void TakeFromBooksLocked(Heap& heap, SlabDescriptor* slab) {
  const unsigned dirty = superslab::AllPages() & ~slab->clean_pages;
  ClassCounts& counts = heap.counts[ClassOf(slab)];
  heap.dirty_bytes -= static_cast<size_t>(PopCount16(dirty)) << PageShift();
  heap.used_bytes -= UsedOf(slab) * StrideBytes(slab);
  --counts.slabs;
  counts.used -= UsedOf(slab);
}

void InitSlabLocked(Heap& heap, SlabDescriptor* slab, unsigned size_class,
                    size_t stride, size_t first, ListId list) {
  size_t capacity = (kSlabBytes - first) / stride;
  if (capacity > superslab::kMaxBlocksPerSlab) {
    capacity = superslab::kMaxBlocksPerSlab;
  }
  slab->capacity = static_cast<uint16_t>(capacity);
  slab->stride_units = static_cast<uint16_t>(stride / kUnit);
  slab->first_units = static_cast<uint16_t>(first / kUnit);
  slab->chain_head = 0;
  slab->chain_count = 0;
  slab->carved = 0;
  slab->token = LiveToken(size_class);
  slab->scan = 0;
  slab->flags = 0;
  SetUsed(slab, 0);
  uint64_t* bits = FreeBits(slab);
  for (unsigned w = 0; w * 64 < capacity; ++w) {
    const size_t left = capacity - w * 64;
    bits[w] = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  }
  // relaxed, both: the slab is nobody else's yet; who gets a block of it gets
  // these values with it.
  slab->owner.store(&heap, std::memory_order_relaxed);
  const uint64_t old = slab->remote.load(std::memory_order_relaxed);
  slab->remote.store(RemoteWord::Unpack(old).Empty().Pack(),
                     std::memory_order_relaxed);
  superslab::SetMapByte(slab->slab_index, slab->token);
  AddToBooksLocked(heap, slab);
  PushListLocked(heap, slab, list);
}

TakeResult TakeBlocksLocked(Heap& heap, SlabDescriptor* slab, unsigned want,
                            Chain* out) {
  if ((slab->flags & kKept) != 0) {
    slab->flags = static_cast<uint8_t>(slab->flags & ~kKept);
    --heap.kept;
  }
  if (slab->chain_count > 0) return {TakeChainLocked(slab, want, out), nullptr};
  uint64_t* bits = FreeBits(slab);
  const size_t stride = StrideBytes(slab);
  const size_t first = size_t{slab->first_units} * kUnit;
  const unsigned words = (slab->capacity + 63u) / 64;
  const int8_t free_token = static_cast<int8_t>(slab->token + kFreeBias);
  unsigned taken = 0;
  for (unsigned w = slab->scan; w < words && taken < want;) {
    if (bits[w] == 0) {
      slab->scan = static_cast<uint8_t>(++w);
      continue;
    }
    const unsigned bit = static_cast<unsigned>(__builtin_ctzll(bits[w]));
    const unsigned index = w * 64 + bit;
    const size_t offset = first + index * stride;
    const size_t last = offset + stride - 2;
    // One more page only for the first block: the rest of the batch is there
    // because it is cheap, not because it is needed.
    if (taken > 0 && IsCleanPage(slab, last)) break;
    void* block = At<void>(SlabBase(slab) + offset);
    if (HAK_UNLIKELY(!HeaderIntact(slab, index, block))) {
      return {taken, block};
    }
    bits[w] &= bits[w] - 1;
    TouchPages(heap, slab, offset - 1, last);
    if (index >= slab->carved) slab->carved = static_cast<uint16_t>(index + 1);
    StoreHeader(block, free_token);
    Append(out, block);
    ++taken;
  }
  SetUsed(slab, UsedOf(slab) + taken);
  heap.used_bytes += taken * stride;
  heap.counts[ClassOf(slab)].used += taken;
  return {taken, nullptr};
}

TakeResult TakeFromPartialLocked(Heap& heap, unsigned size_class, unsigned want,
                                 Chain* out) {
  while (SlabDescriptor* slab = heap.partial[size_class]) {
    const TakeResult result = TakeOrPutAsideLocked(heap, slab, want, out);
    if (result.count > 0 || result.damaged != nullptr) return result;
  }
  return {0, nullptr};
}

TakeResult TakeAlignedLocked(Heap& heap, unsigned size_class, size_t alignment,
                             Chain* out) {
  // Slabs of other classes and alignments share the list: look at a few.
  constexpr int kTries = 16;
  SlabDescriptor* slab = heap.aligned;
  for (int i = 0; i < kTries && slab != nullptr; ++i) {
    SlabDescriptor* next = slab->next;
    const size_t layout = StrideBytes(slab) | slab->first_units * kUnit;
    if (ClassOf(slab) == size_class && (layout & (alignment - 1)) == 0) {
      const TakeResult result = TakeOrPutAsideLocked(heap, slab, 1, out);
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

void SettleChainLocked(Heap& heap, SlabDescriptor* slab) {
  Chain chain;
  (void)TakeChainLocked(slab, slab->chain_count, &chain);
  void* block = chain.head;
  for (unsigned i = 0; i < chain.count; ++i) {
    void* next = LoadLink(block);
    const uintptr_t address = AddressOf(static_cast<char*>(block));
    const size_t offset = address - SlabBase(slab);
    const unsigned index = static_cast<unsigned>(
        (offset - size_t{slab->first_units} * kUnit) / StrideBytes(slab));
    uint64_t& word = FreeBits(slab)[index / 64];
    const uint64_t bit = uint64_t{1} << (index % 64);
    if ((word & bit) != 0) platform::Die("double free found in a slab");
    word |= bit;
    if (index / 64 < slab->scan) slab->scan = static_cast<uint8_t>(index / 64);
    block = next;
  }
  SetUsed(slab, UsedOf(slab) - chain.count);
  heap.used_bytes -= chain.count * StrideBytes(slab);
  heap.counts[ClassOf(slab)].used -= chain.count;
}

bool IsBlockStart(const SlabDescriptor* slab, uintptr_t address) {
  const size_t offset =
      address - SlabBase(slab) - size_t{slab->first_units} * kUnit;
  if (offset >= kSlabBytes) return false;
  const uint32_t stride = static_cast<uint32_t>(StrideBytes(slab));
  const uint32_t index = static_cast<uint32_t>(offset) / stride;
  return index < slab->capacity && index * stride == offset;
}

bool IsMarkedFree(const SlabDescriptor* slab, uintptr_t address) {
  const size_t offset =
      address - SlabBase(slab) - size_t{slab->first_units} * kUnit;
  const size_t index = offset / StrideBytes(slab);
  const uint64_t word =
      superslab::FreeBits(const_cast<SlabDescriptor*>(slab))[index / 64];
  return ((word >> (index % 64)) & 1) != 0;
}

ReturnError ReturnBlockLocked(Heap& heap, SlabDescriptor* slab,
                              uintptr_t address, bool keep_empty) {
  const uint32_t stride = static_cast<uint32_t>(StrideBytes(slab));
  const size_t offset =
      address - SlabBase(slab) - size_t{slab->first_units} * kUnit;
  const uint32_t index = static_cast<uint32_t>(offset) / stride;
  if (HAK_UNLIKELY(offset >= kSlabBytes || index >= slab->capacity ||
                   index * stride != offset)) {
    return ReturnError::kNotABlock;
  }
  uint64_t& word = FreeBits(slab)[index / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  if (HAK_UNLIKELY((word & bit) != 0)) return ReturnError::kAlreadyFree;
  word |= bit;
  if (index / 64 < slab->scan) slab->scan = static_cast<uint8_t>(index / 64);
  const unsigned used = UsedOf(slab) - 1u;
  SetUsed(slab, used);
  heap.used_bytes -= stride;
  --heap.counts[ClassOf(slab)].used;
  if (ListOf(slab) == kFull) OpenLocked(heap, slab);
  // relaxed: a hint; ReleaseIfEmptyLocked looks properly.
  if (used ==
      slab->chain_count +
          RemoteWord::Unpack(slab->remote.load(std::memory_order_relaxed))
              .count) {
    (void)ReleaseIfEmptyLocked(heap, slab, keep_empty);
  }
  return ReturnError::kNone;
}

bool ReleaseIfEmptyLocked(Heap& heap, SlabDescriptor* slab, bool keep_empty) {
  if (ListOf(slab) != kPartial && ListOf(slab) != kAligned) return false;
  if ((slab->flags & kNotifyPending) != 0) return false;
  // acquire: whoever freed these blocks is done with them.
  const RemoteWord word =
      RemoteWord::Unpack(slab->remote.load(std::memory_order_acquire));
  if (UsedOf(slab) != slab->chain_count + word.count) return false;
  // No block is out, so nobody can change the word any more.
  if (keep_empty && (slab->flags & kKept) == 0 && ListOf(slab) == kPartial &&
      slab->next == nullptr && slab->prev == nullptr && heap.kept < kMaxKept) {
    slab->flags |= kKept;
    ++heap.kept;
    return false;
  }
  if ((slab->flags & kKept) != 0) {
    if (keep_empty) return false;
    --heap.kept;
  }
  UnlinkLocked(heap, slab);
  TakeFromBooksLocked(heap, slab);
  // relaxed: no block of the slab is out.
  slab->owner.store(nullptr, std::memory_order_relaxed);
  superslab::ReleaseSlab(slab);
  return true;
}

void ReleaseKeptLocked(Heap& heap) {
  for (unsigned c = 0; c < kClasses && heap.kept > 0; ++c) {
    SlabDescriptor* slab = heap.partial[c];
    while (slab != nullptr) {
      SlabDescriptor* next = slab->next;
      if ((slab->flags & kKept) != 0) {
        (void)ReleaseIfEmptyLocked(heap, slab, false);
      }
      slab = next;
    }
  }
}

void CollectAndSettleLocked(Heap& heap, SlabDescriptor* slab) {
  (void)CollectLocked(slab);
  if (ListOf(slab) == kFull) OpenLocked(heap, slab);
  if (ReleaseIfEmptyLocked(heap, slab, false)) return;
  if (slab->chain_count > 0) SettleChainLocked(heap, slab);
}

void DrainNotifyLocked(Heap& heap) {
  // relaxed peek: an entry that we miss now we see next time.
  if (heap.notify.load(std::memory_order_relaxed) == nullptr) return;
  // acq_rel: pairs with the pushers' release; the release side is for
  // NotifyOwner (remote_free.cc), which must see that we are idle.
  SlabDescriptor* slab =
      heap.notify.exchange(nullptr, std::memory_order_acq_rel);
  while (slab != nullptr) {
    SlabDescriptor* next = slab->notify_next;
    slab->flags = static_cast<uint8_t>(slab->flags & ~kNotifyPending);
    if (ListOf(slab) == kFull) {
      UnlinkLocked(heap, slab);
      PushListLocked(heap, slab, OpenList(slab));
    }
    (void)ReleaseIfEmptyLocked(heap, slab, true);
    slab = next;
  }
}

}  // namespace hakmem::tiny
