// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the push on a slab's remote word, and what its author owes.
// Locks: none for the push; the owner heap's to help one that may be asleep.
// Read next: alloc/tiny/registry.cc

#include "alloc/tiny/remote_free.h"

#include "alloc/tiny/registry.h"
#include "alloc/tiny/remote_word.h"

namespace hakmem::tiny {
namespace {

// From this many bytes on a pusher looks after a slab that has no owner: pages
// inside it can go back.
constexpr size_t kHelpBytes = size_t{16} << 10;

// The owner looks at the slab again when it next needs blocks, or we do it for
// a heap without a thread.
void NotifyOwner(Heap& heap, SlabDescriptor* slab) {
  // relaxed: the CAS checks.
  SlabDescriptor* head = heap.notify.load(std::memory_order_relaxed);
  do {
    slab->notify_next = head == nullptr ? 0 : head->slab_index;
    // acq_rel: release pairs with the exchange in DrainNotifyLocked. acquire:
    // if that exchange came first, we see that the heap was idle by then (both
    // are read-modify-writes of one word, so one of the two sees the other).
  } while (!heap.notify.compare_exchange_weak(
      head, slab, std::memory_order_acq_rel, std::memory_order_relaxed));
  // relaxed: see above.
  if (heap.idle.load(std::memory_order_relaxed)) {
    SettleIdleHeap(heap);
  }
}

// Who asked for blocks within a millisecond will ask again and find the slab.
bool IsAwake(const Heap& heap) {
  constexpr uint64_t kMillisecond = 1 << 20;
  // relaxed: a hint.
  return platform::Now() - heap.awake_at.load(std::memory_order_relaxed) <
         kMillisecond;
}

// The owner may be asleep for ever: settle the slab for it, so that its memory
// comes back now. An owner that holds its lock is awake and left alone.
void HelpOwner(Heap& heap, SlabDescriptor* slab) {
  if (IsAwake(heap)) return;
  if (!heap.lock.TryAcquire()) return;
  bool sweep = false;
  DrainNotifyLocked(heap);
  // relaxed: stable under the lock if it is this heap.
  if (slab->owner.load(std::memory_order_relaxed) == &heap &&
      (ListOf(slab) == kPartial || ListOf(slab) == kAligned ||
       ListOf(slab) == kFull)) {
    CollectAndSettleLocked(heap, slab);
    PublishUsedLocked(heap);
    sweep = SweepIsDueLocked(heap);
  }
  heap.lock.Release();
  if (sweep) (void)SweepHeap(heap);
}

}  // namespace

void RemoteFree(SlabDescriptor* slab, const Chain& chain, Heap* mine) {
  const uintptr_t base = SlabBase(slab);
  const uint16_t first = static_cast<uint16_t>(
      (AddressOf(static_cast<char*>(chain.head)) - base) / kUnit);
  const uint16_t added = static_cast<uint16_t>(chain.count);
  // Geometry is read before the CAS: afterwards the slab may be another's.
  const size_t stride = StrideBytes(slab);
  // acquire: what made the slab FULL or ORPHAN, and its `owner` and `used`,
  // are visible if that is the state we see.
  uint64_t old = slab->remote.load(std::memory_order_acquire);
  RemoteWord word;
  RemoteWord next;
  Heap* owner;
  uint16_t used;
  do {
    word = RemoteWord::Unpack(old);
    // relaxed: if the slab changes hands after the load of the word, the tag
    // has changed and the CAS fails.
    owner = slab->owner.load(std::memory_order_relaxed);
    used = UsedOf(slab);
    StoreLink(chain.tail, word.count == 0
                              ? nullptr
                              : At<void>(base + size_t{word.head} * kUnit));
    next = word.Push(first, added, used);
    // acq_rel: release hands the blocks and their links to whoever collects
    // them (its CAS acquires). acquire: who takes an orphan over sees what the
    // other pushers and the dead owner did; on failure as above.
  } while (!slab->remote.compare_exchange_weak(
      old, next.Pack(), std::memory_order_acq_rel, std::memory_order_acquire));
  if (word.TookOver(next)) {
    ReleaseOrphan(slab);
    return;
  }
  // From here on `slab` is only a name: it may have been released and be in
  // use again. What we do with it is checked under a lock.
  bool help;
  if (word.OwesNotify()) {
    NotifyOwner(*owner, slab);
    // Others may have freed the rest meanwhile, and the owner may sleep.
    // relaxed: a hint.
    const uint64_t now = slab->remote.load(std::memory_order_relaxed);
    help = RemoteWord::Unpack(now).count >= UsedOf(slab);
  } else if (word.state == SlabState::kOrphan) {
    // Nobody looks at it unless we do.
    const size_t half = used / 2u;
    help = word.count <= half && next.count > half &&
           next.count * stride >= kHelpBytes;
  } else {
    // Read anew: the owner's own last free may have passed ours.
    help = next.count >= UsedOf(slab);
  }
  if (!help) return;
  if (word.state == SlabState::kOrphan) {
    if (mine != nullptr) AdoptThisOrphan(*mine, slab);
  } else if (owner != nullptr) {
    HelpOwner(*owner, slab);
  }
}

}  // namespace hakmem::tiny
