// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: all heaps, the idle ones, and the slabs that lost their heap.
// Locks: registry before heaps; orphans after heaps.
// Read next: alloc/tiny/registry.cc

#ifndef HAKMEM_ALLOC_TINY_REGISTRY_H_
#define HAKMEM_ALLOC_TINY_REGISTRY_H_

#include "alloc/tiny/heap.h"

namespace hakmem::tiny {

// A heap for the calling thread: an idle one or a new one. nullptr: no memory.
[[nodiscard]] HAK_COLD Heap* AcquireHeap();

// Every slab of the heap becomes ORPHAN or goes back to the pool, and the
// empty heap waits for another thread. The caller holds no lock.
HAK_COLD void AbandonHeap(Heap* heap);

// A notify reached a heap that has no thread: do what AbandonHeap could not.
HAK_COLD void SettleIdleHeap(Heap& heap);

// The heap of threads that have none of their own any more, or no way to learn
// of their end. Never idle. nullptr: no memory.
[[nodiscard]] HAK_COLD Heap* SharedHeap();

// Takes over an orphan of the class that has free blocks. False: there is none.
HAK_COLD bool AdoptOrphanLocked(Heap& heap, unsigned size_class);
// A pusher's CAS has just made it the owner of this former orphan, all of
// whose blocks are free: release it.
void ReleaseOrphan(SlabDescriptor* slab);
// Somebody found that this orphan has become worth adopting.
HAK_COLD void AdoptThisOrphan(Heap& heap, SlabDescriptor* slab);

// All heaps, newest first; heaps are never destroyed.
Heap* FirstHeap();
// The same without the lock: for who cannot wait.
Heap* PeekFirstHeap();

// Calls `add(context, class, used blocks)` for every orphan. Takes no lock,
// however many there are: one that changes hands meanwhile is seen or not.
HAK_COLD void CountOrphans(void* context,
                           void (*add)(void* context, unsigned size_class,
                                       size_t used));

// Without it no orphan is adopted or released. For look.cc.
Lock& OrphanLock();

// fork: takes the locks of registry, heaps and orphans, in this order. In the
// child the heaps of threads that are gone are abandoned; `mine` stays.
HAK_COLD void LockForFork();
HAK_COLD void UnlockAfterFork(bool child, Heap* mine);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_REGISTRY_H_
