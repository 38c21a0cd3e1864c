// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the lists and the books of a heap, and the life of a slab in it.
// Locks: the heap's, held by every caller.
// Read next: alloc/tiny/heap_blocks.cc

#include "alloc/tiny/heap.h"

#include "alloc/superslab/budget.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/remote_word.h"
#include "platform/page_source.h"

namespace hakmem::tiny {

namespace {

using superslab::FreeBits;
using superslab::kSlabBytes;

HAK_NOINLINE SlabDescriptor** HeadOf(Heap& heap, SlabDescriptor* slab,
                                     uint8_t list) {
  if (list == kFull) return &heap.full;
  if (list == kPurging) return &heap.purging;
  return &(list == kPartial ? heap.partial : heap.aligned)[ClassOf(slab)];
}

}  // namespace

bool ChangeState(SlabDescriptor* slab, uint64_t old, SlabState state) {
  // acq_rel: who finds the slab in this state sees what we did to it, and we
  // see what those did who brought it into the state before.
  return slab->remote.compare_exchange_strong(
      old, RemoteWord::Unpack(old).To(state).Pack(), std::memory_order_acq_rel,
      std::memory_order_relaxed);
}

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

ListId OpenList(const SlabDescriptor* slab) {
  return (slab->flags & kAlignedShape) != 0 ? kAligned : kPartial;
}

void PutFirst(SlabDescriptor** head, SlabDescriptor* slab, ListId list) {
  SlabDescriptor* const first = *head;
  SetList(slab, list);
  slab->next = first;
  slab->prev = slab;
  if (first != nullptr) {
    slab->prev = first->prev;
    first->prev = slab;
  }
  // relaxed, here and below: the head of a list is peeked at without its lock.
  __atomic_store_n(head, slab, __ATOMIC_RELAXED);
}

void Remove(SlabDescriptor** head, SlabDescriptor* slab) {
  SlabDescriptor* next = slab->next;
  if (*head == slab) {
    __atomic_store_n(head, next, __ATOMIC_RELAXED);
  } else {
    slab->prev->next = next;
  }
  if (next == nullptr) next = *head;
  if (next != nullptr) next->prev = slab->prev;
  SetList(slab, kNoList);
}

void PushListLocked(Heap& heap, SlabDescriptor* slab, ListId list) {
  PutFirst(HeadOf(heap, slab, list), slab, list);
}

void UnlinkLocked(Heap& heap, SlabDescriptor* slab) {
  Remove(HeadOf(heap, slab, ListOf(slab)), slab);
}

void AddToBooksLocked(Heap& heap, SlabDescriptor* slab) {
  const unsigned dirty = superslab::AllPages() & ~slab->clean_pages;
  ClassCounts& counts = heap.counts[ClassOf(slab)];
  heap.dirty_bytes += static_cast<size_t>(PopCount16(dirty)) << PageShift();
  heap.used_bytes.Add(UsedOf(slab) * StrideBytes(slab));
  ++counts.slabs;
  counts.used.Add(UsedOf(slab));
}

void TakeFromBooksLocked(Heap& heap, SlabDescriptor* slab) {
  const unsigned dirty = superslab::AllPages() & ~slab->clean_pages;
  ClassCounts& counts = heap.counts[ClassOf(slab)];
  heap.dirty_bytes -= static_cast<size_t>(PopCount16(dirty)) << PageShift();
  heap.used_bytes.Subtract(UsedOf(slab) * StrideBytes(slab));
  --counts.slabs;
  counts.used.Subtract(UsedOf(slab));
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
  slab->reciprocal = Reciprocal(stride);
  slab->chain_head = 0;
  slab->chain_count = 0;
  slab->carved = 0;
  slab->token = LiveToken(size_class);
  slab->scan = 0;
  slab->flags = list == kAligned ? kAlignedShape : 0;
  SetUsed(slab, 0);
  uint64_t* bits = FreeBits(slab);
  for (size_t w = 0; w * 64 < capacity; ++w) {
    const size_t left = capacity - w * 64;
    bits[w] = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  }
  // relaxed, both: the slab is nobody else's yet; who gets a block of it gets
  // these values with it.
  slab->owner.store(&heap, std::memory_order_relaxed);
  const uint64_t old = slab->remote.load(std::memory_order_relaxed);
  slab->remote.store(RemoteWord::Unpack(old).Empty().Pack(),
                     std::memory_order_relaxed);
  if constexpr (kVariant.armour) ZeroDirtyPages(slab);
  superslab::SetMapByte(slab->slab_index, slab->token);
  AddToBooksLocked(heap, slab);
  PushListLocked(heap, slab, list);
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
      slab->prev == slab && heap.kept < kMaxKept) {
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

void PublishUsedLocked(Heap& heap, size_t at_least) {
  using superslab::g_budget;
  if (heap.fresh_bytes >= at_least) {
    superslab::NoteCleanTaken(heap.fresh_bytes);
    heap.fresh_bytes = 0;
  }
  const size_t used = heap.used_bytes;
  const size_t published = heap.published_used;
  if (used >= published + at_least) {
    superslab::AddLive(used - published);
  } else if (published >= used + at_least) {
    superslab::TakeFrom(g_budget.live, published - used);
  } else {
    return;
  }
  heap.published_used = used;
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
    SlabDescriptor* next = slab->notify_next == 0
                               ? nullptr
                               : superslab::Descriptor(slab->notify_next);
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
