// Box:   tiny.   Uses: base.   Must not know: slabs, threads.
// Holds: the 36 size classes and the table that maps a request to one.
// Locks: none.   Read next: alloc/tiny/header.h

#ifndef HAKMEM_ALLOC_TINY_SIZE_CLASS_H_
#define HAKMEM_ALLOC_TINY_SIZE_CLASS_H_

#include <cstddef>
#include <cstdint>

namespace hakmem::tiny {

inline constexpr unsigned kClasses = 36;
// Classes below are Tiny, the others Pool.
inline constexpr unsigned kTinyClasses = 16;
inline constexpr size_t kUnit = 16;

// A block of stride S holds S-1 bytes, so a class serves a power of two only if
// its stride is a little more: from 128 on strides are 16 bytes above the four
// steps of each doubling, and at most 20 % of a block is lost to rounding. One
// is out of step: 4,384 serves pages of 4 KiB with what a page cache puts
// behind them (SQLite: 4,096 + 276), which is where such requests come from.
// Above 8 KiB there are few, since each takes a slab of a heap: as long as
// seven, six, five and four to a slab may be, wherever the first begins
// (FirstOffset).
inline constexpr uint16_t kStride[kClasses] = {
    16,   32,    48,    64,   80,   96,   112,  128,   //
    144,  176,   208,   240,  272,  336,  400,  464,   //
    528,  656,   784,   912,  1040, 1296, 1552, 1808,  //
    2064, 2576,  3088,  3600, 4384, 5136, 6160, 7184,  //
    9296, 10752, 12912, 16128};

inline constexpr size_t kMaxSmall = kStride[kClasses - 1] - 1;

// Of blocks of an eighth of a slab, with a header byte each, seven fit: for
// armoured blocks, and for what other memory would hold worse still.
inline constexpr unsigned kEighthClass = 32;
static_assert(kStride[kEighthClass] > 8192 &&
              kStride[kEighthClass - 1] <= 8192);

constexpr size_t UsableBytes(unsigned size_class) {
  return kStride[size_class] - size_t{1};
}

// The header byte of a live block, and of a free one.
inline constexpr unsigned kLiveByte = 0xA0;
constexpr int8_t LiveToken(unsigned size_class) {
  return static_cast<int8_t>(kLiveByte + size_class);
}
inline constexpr unsigned kFreeBias = 0x28;
// No free byte is a live one of any class: free ones of a slab's last life lie
// all over its blocks, and would let the free of an interior pointer pass.
static_assert(kFreeBias >= kClasses);
// The slab map tells blocks by the sign, and a byte holds no more.
static_assert(kLiveByte >= 0x80 && kLiveByte + kFreeBias + kClasses <= 0x100);
constexpr int8_t FreeToken(unsigned size_class) {
  return static_cast<int8_t>(kLiveByte + kFreeBias + size_class);
}
constexpr unsigned ClassOfLive(int8_t token) {
  return static_cast<uint8_t>(token) - kLiveByte;
}
constexpr bool IsLiveToken(int8_t token) {
  return ClassOfLive(token) < kClasses;
}

// Classes by size / 16. Sizes 16k..16k+15 need the same stride, 16k+16, since
// one byte of it is the next block's header.
inline constexpr size_t kClassIndexes = kMaxSmall / kUnit + 1;
struct ClassTable {
  uint8_t size_class[kClassIndexes];
};
constexpr ClassTable MakeClassTable() {
  ClassTable table{};
  uint8_t size_class = 0;
  for (size_t i = 0; i < kClassIndexes; ++i) {
    while (kStride[size_class] < (i + 1) * kUnit) ++size_class;
    table.size_class[i] = size_class;
  }
  return table;
}
inline constexpr ClassTable kClassTable = MakeClassTable();

constexpr unsigned ClassFor(size_t bytes) {
  return kClassTable.size_class[bytes / kUnit];
}
static_assert(ClassFor(0) == 0 && ClassFor(15) == 0 && ClassFor(16) == 1);
static_assert(ClassFor(kMaxSmall) == kClasses - 1);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_SIZE_CLASS_H_
