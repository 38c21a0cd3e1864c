// Box:   stats.   Uses: nothing.   Must not know: who reads it.
// Holds: the heap image that hak_dump writes and hakmem-view reads.
// Locks: none.   Read next: alloc/stats/dump.cc
//
//   FileHeader, then records: {RecordHeader, payload} ..., the last one kEnd
//
// All numbers are little-endian, as on both CPUs that hakmem knows; nothing is
// padded. A reader passes over the kinds that it does not know. kVersion
// changes when a record that is there already changes its meaning.

#ifndef HAKMEM_ALLOC_STATS_DUMP_FORMAT_H_
#define HAKMEM_ALLOC_STATS_DUMP_FORMAT_H_

#include <stddef.h>
#include <stdint.h>

namespace hakmem::dump {

inline constexpr char kMagic[8] = {'h', 'a', 'k', 'd', 'u', 'm', 'p', '\n'};
inline constexpr uint32_t kVersion = 2;
inline constexpr unsigned kClassCount = 36;
inline constexpr unsigned kSlabsPerSuper = 16;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;  // of this struct
  uint64_t window_base;   // address of SuperSlab 0
  uint32_t page_bytes;    // of the kernel
  uint32_t super_shift;   // a SuperSlab has 1 << this bytes
  uint32_t slab_shift;
  uint32_t unit_shift;  // of spans
  uint32_t classes;
  uint32_t pid;
  char variant[16];  // ends in zeros
};
static_assert(sizeof(FileHeader) == 64);

enum Kind : uint32_t {
  kTotals = 1,   // Totals
  kClasses = 2,  // ClassTotals, kClassCount times
  kHeap = 3,     // HeapRecord, then HeapClass as often as its classes say
  kSuper = 4,    // SuperRecord: a SuperSlab that is mapped
  kSlab = 5,     // SlabRecord: a slab that holds blocks
  kSpan = 6,     // SpanRecord
  kHuge = 7,     // HugeRecord
  kEnd = 8,      // EndRecord
};
struct RecordHeader {
  uint32_t kind;
  uint32_t bytes;  // of the payload, a multiple of 8
};

// The numbers of struct hak_stats, in its order.
inline constexpr unsigned kTotalCount = 19;
inline constexpr const char* kTotalNames[kTotalCount] = {
    "live",         "cached",          "committed",
    "dirty",        "mapped",          "peak_mapped",
    "purged",       "metadata",        "large_blocks",
    "large_bytes",  "huge_blocks",     "huge_bytes",
    "heaps",        "slabs_from_pool", "slabs_from_mapping",
    "live_blocks",  "cached_blocks",   "purges",
    "foreign_frees"};
struct Totals {
  uint64_t value[kTotalCount];
};

struct ClassTotals {
  uint64_t stride;
  uint64_t slabs;
  uint64_t used;    // blocks live or cached
  uint64_t cached;  // of these; see hakmem.h for how exact
  uint64_t refilled;
  uint64_t flushed;
};

// A heap is what one thread allocates from.
struct HeapRecord {
  uint32_t id;
  uint16_t idle;  // 1: it has no thread at the moment
  uint16_t classes;
  uint64_t dirty_bytes;  // pages of its slabs that were written
  uint64_t used_bytes;   // blocks out of its slabs
};
// Only classes of which it has a slab or a cached block.
struct HeapClass {
  uint32_t size_class;
  uint32_t slabs;
  uint32_t used;
  uint32_t cached;
};

// kind: the slab map, see superslab/geometry.h: 0 never used, 1 released (free
// in the pool), 2 spans, 3 not mapped, otherwise negative: blocks.
struct SuperRecord {
  uint32_t index;      // its address is window_base + (index << super_shift)
  uint16_t pool_free;  // a bit per slab
  uint16_t pool_clean;
  uint16_t guards;  // slabs without access
  uint16_t zero;
  int8_t kind[kSlabsPerSuper];
  uint32_t zero2;
};
static_assert(sizeof(SuperRecord) == 32);

inline constexpr unsigned kCells = 16;
enum SlabFlag : uint8_t {
  kSlabUnsure = 1,  // it was busy: `live` counts all that are not free
};
struct SlabRecord {
  uint32_t index;  // its address is window_base + (index << slab_shift)
  uint32_t heap;   // id of the heap that owns it; 0: none
  uint8_t size_class;
  uint8_t flags;
  uint16_t stride_units;  // of 16 bytes
  uint16_t first_units;
  uint16_t capacity;  // blocks
  uint16_t live;
  uint16_t cached;       // in a thread's cache, or on the way back to the slab
  uint16_t returned;     // of these: freed by others, not yet taken back
  uint16_t damaged;      // the byte before them is neither live nor free
  uint16_t clean_pages;  // a bit per page of the kernel: it reads as zero
  uint16_t zero[3];
  // Of each sixteenth of the slab: how much is live, and cached; 255: all.
  uint8_t live_share[kCells];
  uint8_t cached_share[kCells];
};
static_assert(sizeof(SlabRecord) == 64);

enum SpanKind : uint8_t {
  kSpanUsed = 1,
  kSpanCached = 2,
  kSpanDirty = 3,
  kSpanClean = 4,
  kSpanBusy = 5,
};
struct SpanRecord {
  uint32_t first;  // its address is window_base + (first << unit_shift)
  uint32_t units;
  uint8_t state;  // SpanKind
  uint8_t color;  // the block starts so many lines of 64 bytes into the span
  uint8_t zero[6];
};
static_assert(sizeof(SpanRecord) == 16);

struct HugeRecord {
  uint64_t address;
  uint64_t bytes;
};

struct EndRecord {
  uint64_t records;  // before this one
  uint64_t sum;      // Sum() of all bytes before this record's header
};

// FNV-1a. It finds files that were cut or damaged, not forged ones.
inline constexpr uint64_t kSumStart = 0xCBF29CE484222325u;
inline uint64_t Sum(uint64_t sum, const void* data, size_t bytes) {
  const unsigned char* byte = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ byte[i]) * 0x100000001B3u;
  return sum;
}

}  // namespace hakmem::dump

#endif  // HAKMEM_ALLOC_STATS_DUMP_FORMAT_H_
