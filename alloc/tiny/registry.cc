// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the life of heaps, and of slabs between two heaps.
// Locks: registry, then heaps, then orphans.
// Read next: alloc/tiny/thread_cache.h

#include "alloc/tiny/registry.h"

#include <new>

#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/stage_counts.h"
#include "alloc/tiny/parking.h"
#include "alloc/tiny/remote_word.h"

namespace hakmem::tiny {
namespace {

struct State {
  Lock lock{"registry"};
  Lock orphan_lock{"orphans"};
  Heap* heaps = nullptr;
  Heap* idle = nullptr;
  uint32_t heap_count = 0;
  bool first_taken = false;
  std::atomic<Heap*> shared{nullptr};
  // By orphan_lock. The heads are also peeked at without it.
  SlabDescriptor* orphans[kClasses] = {};
  // The first heap costs no page of metadata.
  Heap first;
};
// Under a name for hakmem.py, which reads the first members.
HAK_CONSTINIT State g_state __asm__("hakmem_registry");

// Looked at per adoption. An orphan that is of no use is moved to the end.
constexpr int kMaxAdoptionTries = 4;

HAK_NOINLINE void UnlinkOrphanLocked(SlabDescriptor* slab) {
  Remove(&g_state.orphans[ClassOf(slab)], slab);
}

// ORPHAN -> OPEN under the orphan lock; whoever succeeds owns the slab.
HAK_COLD bool TakeOverLocked(SlabDescriptor* slab) {
  for (;;) {
    // relaxed: the CAS checks, and its acquire pairs with the release that made
    // the slab an orphan.
    const uint64_t old = slab->remote.load(std::memory_order_relaxed);
    if (RemoteWord::Unpack(old).state != SlabState::kOrphan) return false;
    if (ChangeState(slab, old, SlabState::kOpen)) return true;
  }
}

void AddAdoptedLocked(Heap& heap, SlabDescriptor* slab) {
  // relaxed: published by the release that makes the slab FULL or ORPHAN;
  // while it is OPEN nobody depends on it.
  slab->owner.store(&heap, std::memory_order_relaxed);
  slab->flags &= kAlignedShape;
  superslab::TakeFrom(superslab::g_budget.live,
                      UsedOf(slab) * StrideBytes(slab));
  AddToBooksLocked(heap, slab);
  PushListLocked(heap, slab, OpenList(slab));
  superslab::Stages::Add(superslab::Stage::kAdopted);
}

// The slab leaves its heap. If blocks come back meanwhile it is tried again.
void OrphanLocked(Heap& heap, SlabDescriptor* slab) {
  slab->flags &= kAlignedShape;
  for (;;) {
    (void)CollectLocked(slab);
    if (ListOf(slab) == kFull) {
      UnlinkLocked(heap, slab);
      PushListLocked(heap, slab, OpenList(slab));
    }
    if (ReleaseIfEmptyLocked(heap, slab, false)) return;
    if (slab->chain_count > 0) SettleChainLocked(heap, slab);
    // relaxed: the CAS checks.
    const uint64_t old = slab->remote.load(std::memory_order_relaxed);
    if (RemoteWord::Unpack(old).count > 0) continue;
    UnlinkLocked(heap, slab);
    TakeFromBooksLocked(heap, slab);
    const size_t bytes = UsedOf(slab) * StrideBytes(slab);
    LockHolder hold(g_state.orphan_lock);
    PutFirst(&g_state.orphans[ClassOf(slab)], slab, kOrphans);
    // relaxed: published by the CAS.
    slab->owner.store(nullptr, std::memory_order_relaxed);
    // Its release: `used` and the bitmap are final for who takes the slab over.
    if (ChangeState(slab, old, SlabState::kOrphan)) {
      superslab::AddLive(bytes);
      return;
    }
    UnlinkOrphanLocked(slab);
    slab->owner.store(&heap, std::memory_order_relaxed);
    AddToBooksLocked(heap, slab);
    PushListLocked(heap, slab, OpenList(slab));
  }
}

// A slab in `full` whose word says OPEN has a notify on its way, which reads
// our lists: it stays with the heap until that has arrived.
bool NotifyIsDue(const SlabDescriptor* slab) {
  if ((slab->flags & kNotifyPending) != 0) return true;
  // relaxed: FULL cannot be left without a notify.
  return ListOf(slab) == kFull &&
         RemoteWord::Unpack(slab->remote.load(std::memory_order_relaxed))
                 .state != SlabState::kFull;
}

// In the child of a fork no notify is on its way any more.
void ForgetNotifiesLocked(Heap& heap) {
  DrainNotifyLocked(heap);
  SlabDescriptor* slab = heap.full;
  while (slab != nullptr) {
    SlabDescriptor* next = slab->next;
    if (NotifyIsDue(slab)) {
      UnlinkLocked(heap, slab);
      PushListLocked(heap, slab, OpenList(slab));
    }
    slab = next;
  }
  const auto forget = [](SlabDescriptor* list) {
    for (; list != nullptr; list = list->next) {
      list->flags = static_cast<uint8_t>(list->flags & ~kNotifyPending);
    }
  };
  for (unsigned c = 0; c < kClasses; ++c) {
    forget(heap.partial[c]);
    forget(heap.aligned[c]);
  }
}

// False: the slab has to stay.
HAK_COLD bool TryOrphanLocked(Heap& heap, SlabDescriptor* slab) {
  if (ListOf(slab) == kFull) {
    // FULL -> OPEN first, so that no notify can start from now on.
    // relaxed: the CAS checks.
    const uint64_t old = slab->remote.load(std::memory_order_relaxed);
    if (RemoteWord::Unpack(old).state != SlabState::kFull ||
        !ChangeState(slab, old, SlabState::kOpen)) {
      return false;
    }
  }
  if (NotifyIsDue(slab) && ListOf(slab) != kFull) return false;
  OrphanLocked(heap, slab);
  return true;
}

void OrphanListLocked(Heap& heap, SlabDescriptor* slab) {
  while (slab != nullptr) {
    SlabDescriptor* next = slab->next;
    (void)TryOrphanLocked(heap, slab);
    slab = next;
  }
}

HAK_COLD void AbandonLocked(Heap& heap) {
  // relaxed: ordered by the exchange in DrainNotifyLocked, see NotifyOwner.
  heap.idle.store(true, std::memory_order_relaxed);
  // acq_rel: our `idle` goes to every later notifier; those before us are
  // drained below.
  SlabDescriptor* none = nullptr;
  (void)heap.notify.compare_exchange_strong(none, nullptr,
                                            std::memory_order_acq_rel);
  DrainNotifyLocked(heap);
  ReleaseKeptLocked(heap);
  for (SlabDescriptor* list : heap.partial) OrphanListLocked(heap, list);
  for (SlabDescriptor* list : heap.aligned) OrphanListLocked(heap, list);
  OrphanListLocked(heap, heap.full);
  PublishUsedLocked(heap, 1);
}

// Into the list of all heaps, by the registry's lock.
void EnterLocked(Heap* heap) {
  heap->id = ++g_state.heap_count;
  heap->next_heap = g_state.heaps;
  // release: pairs with the acquire in PeekFirstHeap.
  __atomic_store_n(&g_state.heaps, heap, __ATOMIC_RELEASE);
}

}  // namespace

Heap* AcquireHeap() {
  // Before the first link is written.
  if constexpr (kVariant.encoded_links) (void)DrawSecret();
  Heap* heap = nullptr;
  {
    LockHolder hold(g_state.lock);
    heap = g_state.idle;
    if (heap != nullptr) {
      g_state.idle = heap->next_idle;
    } else if (!g_state.first_taken) {
      g_state.first_taken = true;
      heap = &g_state.first;
      EnterLocked(heap);
    }
  }
  if (heap != nullptr) {
    LockHolder hold(heap->lock);
    // relaxed: under the lock; a notifier that still sees true finds the heap
    // in order under the lock.
    heap->idle.store(false, std::memory_order_relaxed);
    return heap;
  }
  void* memory = superslab::AllocateMetadata(sizeof(Heap));
  if (memory == nullptr) return nullptr;
  heap = new (memory) Heap;
  LockHolder hold(g_state.lock);
  EnterLocked(heap);
  return heap;
}

void AbandonHeap(Heap* heap) {
  {
    LockHolder hold(heap->lock);
    AbandonLocked(*heap);
  }
  LockHolder hold(g_state.lock);
  heap->next_idle = g_state.idle;
  g_state.idle = heap;
}

void SettleIdleHeap(Heap& heap) {
  LockHolder hold(heap.lock);
  // relaxed: under the lock that its writers hold.
  if (heap.idle.load(std::memory_order_relaxed)) AbandonLocked(heap);
}

Heap* SharedHeap() {
  // acquire: pairs with the release below.
  Heap* heap = g_state.shared.load(std::memory_order_acquire);
  if (heap != nullptr) return heap;
  heap = AcquireHeap();
  if (heap == nullptr) return nullptr;
  Heap* other = nullptr;
  // release: the heap is ready; acquire: so is the one somebody else set.
  if (g_state.shared.compare_exchange_strong(
          other, heap, std::memory_order_acq_rel, std::memory_order_acquire)) {
    return heap;
  }
  AbandonHeap(heap);
  return other;
}

bool AdoptOrphanLocked(Heap& heap, unsigned size_class) {
  SlabDescriptor** const head = &g_state.orphans[size_class];
  // relaxed peek: a miss costs a fresh slab, no more.
  if (__atomic_load_n(head, __ATOMIC_RELAXED) == nullptr) return false;
  LockHolder hold(g_state.orphan_lock);
  for (int i = 0; i < kMaxAdoptionTries && *head != nullptr; ++i) {
    SlabDescriptor* const slab = *head;
    // relaxed: a hint; TakeOverLocked decides.
    const RemoteWord word =
        RemoteWord::Unpack(slab->remote.load(std::memory_order_relaxed));
    const bool useful = UsedOf(slab) < slab->capacity || word.count > 0;
    if (useful && OpenList(slab) == kPartial && TakeOverLocked(slab)) {
      Remove(head, slab);
      AddAdoptedLocked(heap, slab);
      return true;
    }
    // The next may be of more use.
    if (slab->next != nullptr) {
      __atomic_store_n(head, slab->next, __ATOMIC_RELAXED);
      slab->prev->next = slab;
      slab->next = nullptr;
    }
  }
  return false;
}

void AdoptThisOrphan(Heap& heap, SlabDescriptor* slab) {
  LockHolder hold(heap.lock);
  LockHolder orphans(g_state.orphan_lock);
  if (ListOf(slab) != kOrphans || !TakeOverLocked(slab)) return;
  UnlinkOrphanLocked(slab);
  AddAdoptedLocked(heap, slab);
  CollectAndSettleLocked(heap, slab);
}

void ReleaseOrphan(SlabDescriptor* slab) {
  {
    LockHolder hold(g_state.orphan_lock);
    if (ListOf(slab) == kOrphans) UnlinkOrphanLocked(slab);
  }
  superslab::TakeFrom(superslab::g_budget.live,
                      UsedOf(slab) * StrideBytes(slab));
  superslab::ReleaseSlab(slab);
}

Heap* FirstHeap() {
  LockHolder hold(g_state.lock);
  return g_state.heaps;
}

Heap* PeekFirstHeap() {
  // acquire: pairs with the release in EnterLocked. Heaps stay, and the list
  // grows at its head.
  return __atomic_load_n(&g_state.heaps, __ATOMIC_ACQUIRE);
}

Lock& OrphanLock() { return g_state.orphan_lock; }

void CountOrphans(void* context, void (*add)(void* context, unsigned size_class,
                                             size_t used)) {
  // relaxed: a bound; what lies above it is new.
  const size_t slabs =
      superslab::g_window.high_water.load(std::memory_order_relaxed) *
      size_t{superslab::kSlabsPerSuper};
  for (size_t i = 0; i < slabs; ++i) {
    // relaxed: as below.
    const int8_t token =
        __atomic_load_n(&superslab::g_map[i], __ATOMIC_RELAXED);
    if (token >= 0) continue;
    const SlabDescriptor* slab = superslab::DescriptorOrNull(i);
    if (slab == nullptr || ListOf(slab) != kOrphans) continue;
    // relaxed: both are gauges here.
    const RemoteWord word =
        RemoteWord::Unpack(slab->remote.load(std::memory_order_relaxed));
    const unsigned used = UsedOf(slab);
    add(context, ClassOfLive(token), used > word.count ? used - word.count : 0);
  }
}

void LockForFork() {
  g_state.lock.Acquire();
  for (Heap* heap = g_state.heaps; heap != nullptr; heap = heap->next_heap) {
    heap->lock.Acquire();
  }
  g_state.orphan_lock.Acquire();
}

void UnlockAfterFork(bool child, Heap* mine) {
  if (!child) {
    g_state.orphan_lock.Release();
    for (Heap* heap = g_state.heaps; heap != nullptr; heap = heap->next_heap) {
      heap->lock.Release();
    }
    g_state.lock.Release();
    return;
  }
  g_state.orphan_lock.ReleaseInChild();
  g_state.lock.ReleaseInChild();
  // relaxed: the child has one thread.
  Heap* shared = g_state.shared.load(std::memory_order_relaxed);
  for (Heap* heap = g_state.heaps; heap != nullptr; heap = heap->next_heap) {
    heap->lock.ReleaseInChild();
    // Another thread was giving pages back: it never comes to the end of it.
    while (heap->purging != nullptr) EndPurgeLocked(*heap, false);
    ForgetNotifiesLocked(*heap);
    if (heap != mine && heap != shared && !IsWaiting(*heap)) AbandonHeap(heap);
  }
}

}  // namespace hakmem::tiny
