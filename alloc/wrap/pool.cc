// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: the heap in a buffer. A program that names no pool links none of it.
// Locks: none held across calls.   Read next: alloc/superslab/window.h
//
//   | free spans, of which slabs are made                    | descriptors |
//   ^ the first page of the buffer        a slab for each MiB ^

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "alloc/base/pointers.h"
#include "alloc/large/large.h"
#include "alloc/large/span_heap.h"
#include "alloc/large/span_source.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"
#include "alloc/wrap/same_variant.h"
#include "hakmem.h"
#include "platform/die.h"

namespace hakmem::wrap {
namespace {

using large::kUnitBytes;
using large::kUnitsPerSlab;
using large::Unit;
using superslab::kSlabBytes;
using superslab::kSlabsPerSuper;
using superslab::kSuperBytes;
using superslab::SuperMeta;

constexpr size_t kMaxPool = size_t{31} << 30;
// Descriptors of one SuperSlab, whatever it is used for.
constexpr size_t kPerSuper = sizeof(SuperMeta) + sizeof(large::SpanMeta);
// So many heaps of threads there is room for at least; further threads share
// one.
constexpr size_t kMinHeaps = 4;
// A slab that is not the first thing wanted of the pool takes its neighbours
// with it, so that slabs lie together: a 32nd of the pool, at most 16.
constexpr size_t kMaxBatch = kSlabsPerSuper;

// Units from `first` on are spans or slabs; 0 of them: no pool.
struct Pool {
  Unit first;
  uint32_t units;
};
HAK_CONSTINIT Pool g_pool = {0, 0};

bool AddSlabs() {
  size_t slabs = g_pool.units / kUnitsPerSlab / 32;
  if (slabs > kMaxBatch) slabs = kMaxBatch;
  if (slabs == 0) slabs = 1;
  Unit unit;
  while ((unit = large::TakeSlabs(slabs)) == 0) {
    if ((slabs /= 2) == 0) return false;
  }
  large::ForgetSpan(unit);
  for (size_t i = 0; i < slabs; ++i) {
    superslab::ReleaseSlab(superslab::Descriptor(unit / kUnitsPerSlab + i));
  }
  return true;
}

bool AddSpans() {
  bool any = false;
  while (superslab::SlabDescriptor* slab = superslab::TakeFreeSlab()) {
    large::AddSpan(slab->slab_index * kUnitsPerSlab, kUnitsPerSlab);
    any = true;
  }
  return any;
}

void Collect() {
  large::FlushThread();
  tiny::TrimAllHeaps();
}

constexpr superslab::FixedSource kSource = {AddSlabs, AddSpans, Collect};

// The descriptors of SuperSlab `index`, out of the pool's own memory, which has
// room for them.
void AddDescriptors(size_t index) {
  auto* slabs =
      static_cast<SuperMeta*>(superslab::AllocateMetadata(sizeof(SuperMeta)));
  for (unsigned i = 0; i < kSlabsPerSuper; ++i) {
    slabs->slabs[i].descriptor.slab_index =
        static_cast<uint32_t>(index * kSlabsPerSuper + i);
  }
  superslab::SuperEntry& entry = superslab::Entry(index);
  // relaxed, both: published by OpenFixedWindow.
  entry.slabs.store(slabs, std::memory_order_relaxed);
  entry.spans.store(superslab::AllocateMetadata(sizeof(large::SpanMeta)),
                    std::memory_order_relaxed);
}

void Build(uintptr_t start, uintptr_t end, size_t supers) {
  size_t heaps = (end - start) / 256;
  if (heaps < kMinHeaps * sizeof(tiny::Heap)) {
    heaps = kMinHeaps * sizeof(tiny::Heap);
  }
  const uintptr_t spans_end =
      AlignDown(end - supers * kPerSuper - heaps, kUnitBytes);
  memset(At<void>(spans_end), 0, end - spans_end);
  superslab::RestrictMetadata(At<void>(spans_end), end - spans_end);
  for (size_t i = 1; i <= supers; ++i) AddDescriptors(i);

  const Unit first = large::UnitOf(start);
  const Unit last = large::UnitOf(spans_end - 1);
  g_pool = {first, last + 1 - first};
  const uint32_t mib = static_cast<uint32_t>(supers);
  // relaxed, all: bounds and gauges, published by OpenFixedWindow.
  superslab::g_window.high_water.store(mib + 1, std::memory_order_relaxed);
  superslab::g_window.mapped.store(mib, std::memory_order_relaxed);
  superslab::g_window.peak_mapped.store(mib, std::memory_order_relaxed);
  large::AddSpan(first, g_pool.units);
}

}  // namespace
}  // namespace hakmem::wrap

using namespace hakmem;
using wrap::g_pool;

extern "C" {

int hak_init_pool(void* buffer, size_t bytes) {
  wrap::NeedSameVariant();
  if (bytes < HAK_MIN_POOL || bytes > wrap::kMaxPool || buffer == nullptr) {
    return EINVAL;
  }
  const uintptr_t begin = AddressOf(static_cast<char*>(buffer));
  const uintptr_t start = AlignUp(begin, large::kUnitBytes);
  const uintptr_t end = AlignDown(begin + bytes, platform::kCacheLine);
  // SuperSlab 0 stays unused, as everywhere.
  const uintptr_t base =
      AlignDown(start, superslab::kSlabBytes) - superslab::kSuperBytes;
  if (!superslab::BeginFixedWindow(base)) return EBUSY;
  wrap::Build(start, end, (end - 1 - base) >> superslab::kSuperShift);
  superslab::OpenFixedWindow(&wrap::kSource);
  // For threads that find no room for a heap of their own.
  (void)tiny::SharedHeap();
  return 0;
}

// Another thread may have been faster: that is no error.
void hak_make_pool(void* begin, void* end) {
  const size_t bytes =
      AddressOf(static_cast<char*>(end)) - AddressOf(static_cast<char*>(begin));
  if (hak_init_pool(begin, bytes) == EINVAL) {
    platform::Die("the pool in hak_config is too small or too large");
  }
}

size_t hak_pool_size(void) { return size_t{g_pool.units} << large::kUnitShift; }

size_t hak_pool_free(void) {
  return g_pool.units == 0 ? 0 : superslab::Read(superslab::g_budget.dirty);
}

size_t hak_pool_used(void) {
  const size_t free = hak_pool_free();
  return hak_pool_size() > free ? hak_pool_size() - free : 0;
}

}  // extern "C"
