// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: how the span heap grows, by SuperSlabs and by slabs, and what it lends
//        for slabs.
// Locks: none across a call.   Read next: alloc/large/large.h

#include "alloc/large/span_source.h"

#include "alloc/base/variant.h"
#include "alloc/large/span_heap.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/slab_pool.h"

namespace hakmem::large {
namespace {

using superslab::kNoSuper;
using superslab::kSlabsPerSuper;

HAK_CONSTINIT std::atomic<bool> g_mixed{false};

void NoteMixed() {
  // relaxed: a hint for purges.
  g_mixed.store(true, std::memory_order_relaxed);
}

// Metadata for SuperSlabs that have spans from now on. False: no memory.
bool PrepareMeta(size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i) {
    std::atomic<void*>& entry = superslab::Entry(i).spans;
    // relaxed: only whether there is any.
    if (entry.load(std::memory_order_relaxed) != nullptr) continue;
    void* meta = superslab::AllocateMetadata(sizeof(SpanMeta));
    if (meta == nullptr) return false;
    void* none = nullptr;
    // release: pairs with the acquire in MetaOf. relaxed: of two threads that
    // take slabs of one SuperSlab the other was faster, and this one is lost.
    (void)entry.compare_exchange_strong(none, meta, std::memory_order_release,
                                        std::memory_order_relaxed);
  }
  return true;
}

bool MapSupers(size_t units) {
  const size_t count = (units + kUnitsPerSuper - 1) / kUnitsPerSuper;
  size_t first;
  for (int tries = 0;; ++tries) {
    // All there was may have gone into the memory that it should describe.
    if (tries == 2 ||
        (tries == 1 && !superslab::ReserveMetadata(sizeof(SpanMeta)))) {
      return false;
    }
    first = units < kUnitsPerSuper ? superslab::ClaimSuperOrPart()
                                   : superslab::ClaimSupers(count);
    if (first == kNoSuper) return false;
    if (PrepareMeta(first, count)) break;
    (void)superslab::UnclaimSupers(first, count);
  }
  const size_t absent =
      kSlabsPerSuper - superslab::MappedSlabs(first + count - 1);
  const size_t slabs = count * kSlabsPerSuper - absent;
  // A part that is said to be dirty goes as a whole when memory is out again.
  const SpanState state = absent == 0 ? SpanState::kClean : SpanState::kDirty;
  // For slabs, once there is nothing but spans that they could come from.
  if (!kVariant.guards && absent == 0) {
    (void)superslab::ReserveMetadata(sizeof(superslab::SuperMeta));
  }
  AddSpan(static_cast<Unit>(first * kUnitsPerSuper),
          static_cast<uint32_t>(slabs * kUnitsPerSlab), state);
  return true;
}

}  // namespace

bool WasMixed() {
  // relaxed: as above.
  return g_mixed.load(std::memory_order_relaxed);
}

bool Grow(size_t units) {
  if (!superslab::EnsureWindow()) return false;
  if (superslab::WindowIsFixed()) return superslab::Fixed()->add_spans();
  // release, both: pair with the acquires where they are called.
  superslab::g_purge_spans.store(PurgeSpansTo, std::memory_order_release);
  superslab::g_add_slabs.store(AddSlab, std::memory_order_release);
  return MapSupers(units) || AddFreeSlabs();
}

Unit TakeSlabs(size_t slabs) {
  const Unit aligned = TakeSpan(slabs * kUnitsPerSlab, kUnitsPerSlab).unit;
  if (aligned != 0 || slabs > 1) return aligned;
  // One that fits exactly is not found where any could be cut out of it.
  const Unit unit = TakeSpan(kUnitsPerSlab, 1).unit;
  if (unit == 0 || unit % kUnitsPerSlab == 0) return unit;
  ReleaseSpan(unit);
  return 0;
}

bool AddSlab() {
  // Small blocks have a guard within a MiB, which a SuperSlab of spans lacks.
  if constexpr (kVariant.guards) return false;
  const Unit unit = TakeSlabs(1);
  if (unit == 0) return false;
  if (superslab::Mix(unit / kUnitsPerSuper, superslab::Lender::kSpans) ==
      nullptr) {
    ReleaseSpan(unit);
    return false;
  }
  NoteMixed();
  ForgetSpan(unit);
  superslab::SlabDescriptor* slab = superslab::Descriptor(unit / kUnitsPerSlab);
  slab->clean_pages = 0;  // not known
  superslab::ReleaseSlab(slab);
  return true;
}

bool AddFreeSlabs() {
  if constexpr (kVariant.guards) return false;
  bool any = false;
  while (superslab::SlabDescriptor* slab = superslab::TakeFreeSlab()) {
    const size_t super_index = slab->slab_index / kSlabsPerSuper;
    if (!PrepareMeta(super_index, 1) ||
        superslab::Mix(super_index, superslab::Lender::kSlabs) == nullptr) {
      superslab::ReleaseSlab(slab);
      break;
    }
    NoteMixed();
    const bool clean = slab->clean_pages == superslab::AllPages();
    AddSpan(slab->slab_index * kUnitsPerSlab, kUnitsPerSlab,
            clean ? SpanState::kClean : SpanState::kDirty);
    any = true;
  }
  return any;
}

}  // namespace hakmem::large
