// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the walk over the heap, a record at a time.
// Locks: see dump.h. A slab whose lock cannot be had in time is marked unsure.
// Read next: alloc/stats/dump_format.h

#include "alloc/stats/dump.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "alloc/base/variant.h"
#include "alloc/large/look.h"
#include "alloc/stats/dump_format.h"
#include "alloc/stats/stats.h"
#include "alloc/superslab/super_word.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/look.h"
#include "alloc/tiny/parking.h"
#include "alloc/tiny/registry.h"
#include "platform/die.h"
#include "platform/page_source.h"

namespace hakmem::stats {
namespace {

using tiny::BlockState;
using tiny::SlabLook;

static_assert(dump::kClassCount == tiny::kClasses);
static_assert(dump::kSlabsPerSuper == superslab::kSlabsPerSuper);
static_assert(dump::kSpanUsed ==
                  static_cast<uint8_t>(large::SpanState::kUsed) &&
              dump::kSpanBusy == static_cast<uint8_t>(large::SpanState::kBusy));
static_assert(dump::kCells * large::kUnitBytes == superslab::kSlabBytes);

// A buffer in front of the descriptor. The first error stays.
class Image {
 public:
  explicit Image(int fd) : fd_(fd) {}

  void Put(const void* data, size_t bytes) {
    sum_ = dump::Sum(sum_, data, bytes);
    const char* from = static_cast<const char*>(data);
    while (bytes > 0) {
      if (size_ == sizeof(buffer_)) Flush();
      const size_t room = sizeof(buffer_) - size_;
      const size_t part = bytes < room ? bytes : room;
      memcpy(buffer_ + size_, from, part);
      size_ += part;
      from += part;
      bytes -= part;
    }
  }
  void Head(dump::Kind kind, size_t bytes) {
    const dump::RecordHeader head = {kind, static_cast<uint32_t>(bytes)};
    Put(&head, sizeof(head));
    ++records_;
  }
  template <class Record>
  void Record1(dump::Kind kind, const Record& record) {
    static_assert(sizeof(Record) % 8 == 0);
    Head(kind, sizeof(record));
    Put(&record, sizeof(record));
  }
  // Returns the error of the whole.
  int End() {
    const dump::EndRecord end = {records_, sum_};
    Record1(dump::kEnd, end);
    Flush();
    return error_;
  }

 private:
  void Flush() {
    if (error_ == 0) {
      const long done = platform::WriteAll(fd_, buffer_, size_);
      if (done <= 0) error_ = done == 0 ? EIO : static_cast<int>(-done);
    }
    size_ = 0;
  }

  int fd_;
  int error_ = 0;
  uint64_t sum_ = dump::kSumStart;
  uint64_t records_ = 0;
  size_t size_ = 0;
  char buffer_[4096];
};

void PutHeader(Image& image) {
  dump::FileHeader header = {};
  memcpy(header.magic, dump::kMagic, sizeof(header.magic));
  header.version = dump::kVersion;
  header.header_bytes = sizeof(header);
  header.window_base = superslab::WindowBase();
  header.page_bytes = static_cast<uint32_t>(platform::PageSize());
  header.super_shift = superslab::kSuperShift;
  header.slab_shift = superslab::kSlabShift;
  header.unit_shift = large::kUnitShift;
  header.classes = tiny::kClasses;
  header.pid = static_cast<uint32_t>(platform::Syscall(SYS_getpid));
  memcpy(header.variant, kVariant.name, strlen(kVariant.name));
  image.Put(&header, sizeof(header));
}

void PutTotals(Image& image, uint64_t foreign_frees) {
  Totals t;
  Read(&t);
  const dump::Totals totals = {
      {t.live, t.cached, t.committed, t.dirty, t.mapped, t.peak_mapped,
       t.purged, t.metadata, t.large_blocks, t.large_bytes, t.huge_blocks,
       t.huge_bytes, t.heaps, t.slabs_from_pool, t.slabs_from_mapping,
       t.live_blocks, t.cached_blocks, t.purges, foreign_frees}};
  image.Record1(dump::kTotals, totals);
  image.Head(dump::kClasses, sizeof(dump::ClassTotals) * tiny::kClasses);
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassTotals& sum = t.classes[c];
    const dump::ClassTotals out = {tiny::kStride[c], sum.slabs,    sum.used,
                                   sum.cached,       sum.refilled, sum.flushed};
    image.Put(&out, sizeof(out));
  }
}

void PutHeap(Image& image, tiny::Heap& heap) {
  dump::HeapRecord record = {};
  dump::HeapClass classes[tiny::kClasses];
  {
    LockHolder hold(heap.lock);
    record.id = heap.id;
    record.idle = tiny::IsWaiting(heap) ? 1 : 0;
    record.dirty_bytes = heap.dirty_bytes;
    record.used_bytes = heap.used_bytes;
    for (unsigned c = 0; c < tiny::kClasses; ++c) {
      const tiny::ClassCounts& counts = heap.counts[c];
      // relaxed: its thread writes it without the lock.
      const uint32_t cached = counts.cached.load(std::memory_order_relaxed);
      if (counts.slabs == 0 && cached == 0) continue;
      classes[record.classes++] = {c, counts.slabs, counts.used, cached};
    }
  }
  const size_t bytes = record.classes * sizeof(dump::HeapClass);
  image.Head(dump::kHeap, sizeof(record) + bytes);
  image.Put(&record, sizeof(record));
  image.Put(classes, bytes);
}

// Adds the part of a block that lies in each sixteenth of its slab.
void AddToCells(uint32_t* cells, size_t offset, size_t bytes) {
  constexpr size_t kCell = superslab::kSlabBytes / dump::kCells;
  while (bytes > 0 && offset < superslab::kSlabBytes) {
    const size_t room = kCell - offset % kCell;
    const size_t part = bytes < room ? bytes : room;
    cells[offset / kCell] += static_cast<uint32_t>(part);
    offset += part;
    bytes -= part;
  }
}

void ToShares(const uint32_t* cells, uint8_t* shares) {
  for (unsigned i = 0; i < dump::kCells; ++i) {
    shares[i] =
        static_cast<uint8_t>(size_t{cells[i]} * 255 / large::kUnitBytes);
  }
}

void PutSlab(Image& image, size_t slab_index) {
  dump::SlabRecord record = {};
  uint32_t live[dump::kCells] = {};
  uint32_t cached[dump::kCells] = {};
  {
    const SlabLook slab(slab_index, Patience::kBounded);
    if (!slab.valid()) return;
    const uintptr_t base = superslab::SlabAddress(slab_index);
    record.index = static_cast<uint32_t>(slab_index);
    record.heap = slab.heap();
    record.size_class = static_cast<uint8_t>(slab.size_class());
    record.flags = slab.locked() ? uint8_t{0} : uint8_t{dump::kSlabUnsure};
    record.stride_units = static_cast<uint16_t>(slab.stride() / tiny::kUnit);
    record.first_units =
        static_cast<uint16_t>((slab.first() - base) / tiny::kUnit);
    record.capacity = static_cast<uint16_t>(slab.capacity());
    record.clean_pages = slab.clean_pages();
    record.returned = slab.returned();
    for (unsigned i = 0; i < slab.capacity(); ++i) {
      const BlockState state = slab.State(i);
      if (state == BlockState::kFree) continue;
      const bool is_cached = state == BlockState::kCached;
      ++(is_cached ? record.cached : record.live);
      if (state == BlockState::kDamaged) ++record.damaged;
      AddToCells(is_cached ? cached : live, slab.Start(i) - base,
                 slab.stride());
    }
    // Others go on freeing, lock or not.
    if (record.returned > record.cached) record.returned = record.cached;
  }
  ToShares(live, record.live_share);
  ToShares(cached, record.cached_share);
  image.Record1(dump::kSlab, record);
}

void PutSuper(Image& image, size_t super_index) {
  dump::SuperRecord record = {};
  record.index = static_cast<uint32_t>(super_index);
  const superslab::SuperMeta* meta = superslab::MetaOf(super_index);
  if (meta != nullptr) {
    // relaxed: a snapshot.
    const superslab::SuperWord word = superslab::SuperWord::Unpack(
        meta->word.load(std::memory_order_relaxed));
    record.pool_free = word.free;
    record.pool_clean = word.clean;
    record.guards =
        static_cast<uint16_t>(meta->guards.load(std::memory_order_relaxed));
  }
  bool in_use = record.pool_free != 0;
  for (unsigned i = 0; i < superslab::kSlabsPerSuper; ++i) {
    const int8_t kind =
        superslab::MapByte(super_index * superslab::kSlabsPerSuper + i);
    record.kind[i] = kind;
    if (kind == superslab::kAbsent) {
      record.guards = static_cast<uint16_t>(record.guards | (1u << i));
    }
    if (kind < 0 || kind == superslab::kLarge) in_use = true;
  }
  if (!in_use) return;  // claimed once, and unmapped since
  image.Record1(dump::kSuper, record);
  for (unsigned i = 0; i < superslab::kSlabsPerSuper; ++i) {
    if (record.kind[i] >= 0) continue;
    PutSlab(image, super_index * superslab::kSlabsPerSuper + i);
  }
}

void PutLarge(Image& image) {
  large::SpanLook span = large::NextSpan(0);
  for (; span.units != 0; span = large::NextSpan(span.first + span.units)) {
    const size_t skip = span.block - large::UnitAddress(span.first);
    const dump::SpanRecord record = {
        span.first,
        span.units,
        static_cast<uint8_t>(span.state),
        static_cast<uint8_t>(skip / platform::kCacheLine),
        {}};
    image.Record1(dump::kSpan, record);
  }
  // kWait: one that is busy would look like the end.
  large::HugeLook huge = large::NextHuge(0, Patience::kWait);
  for (; huge.block != 0; huge = large::NextHuge(huge.block, Patience::kWait)) {
    const dump::HugeRecord record = {huge.block, huge.bytes};
    image.Record1(dump::kHuge, record);
  }
}

}  // namespace

int WriteDump(int fd, uint64_t foreign_frees) {
  Image image(fd);
  PutHeader(image);
  PutTotals(image, foreign_frees);
  for (tiny::Heap* heap = tiny::FirstHeap(); heap != nullptr;
       heap = heap->next_heap) {
    PutHeap(image, *heap);
  }
  // relaxed: a bound; what lies above it is new.
  const size_t supers =
      superslab::g_window.high_water.load(std::memory_order_relaxed);
  for (size_t i = 0; i < supers && i < superslab::kWindowSupers; ++i) {
    PutSuper(image, i);
  }
  PutLarge(image);
  return image.End();
}

}  // namespace hakmem::stats
