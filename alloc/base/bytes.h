// Box:   base.   Uses: nothing.   Must not know: what the bytes mean.
// Holds: zeroing a block and looking whether it is zero, 16 bytes at a time.
// Locks: none.   Read next: alloc/tiny/armour.h

#ifndef HAKMEM_ALLOC_BASE_BYTES_H_
#define HAKMEM_ALLOC_BASE_BYTES_H_

#include <string.h>

#include <cstddef>
#include <cstdint>

#include "platform/cpu.h"

namespace hakmem {

// Blocks hold the program's objects: these types may alias all of them.
using Bytes16 = uint64_t __attribute__((vector_size(16), may_alias));
using Bytes8 = uint64_t __attribute__((may_alias, aligned(1)));

// At any address: what Clang takes for a type of alignment 1 is none.
HAK_INLINE Bytes16 LoadAny16(const void* from) {
  Bytes16 bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return bytes;
}
HAK_INLINE void StoreAny16(void* to, Bytes16 bytes) {
  __builtin_memcpy(to, &bytes, sizeof bytes);
}

// The last `bytes` <= 16 of 16 bytes.
HAK_INLINE Bytes16 LastOf16(size_t bytes) {
  alignas(16) static constexpr unsigned char kSlide[32] = {
      0,    0,    0,    0,    0,    0,    0,    0,     //
      0,    0,    0,    0,    0,    0,    0,    0,     //
      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,  //
      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  return LoadAny16(kSlide + bytes);
}

// From here on libc's memset is faster than a loop without its tables.
inline constexpr size_t kManyBytes = 1100;

// Zeroes all but the last byte of a slot: `slot` is aligned to 16, `bytes` a
// multiple of 16.
HAK_INLINE void ZeroSlot(void* slot, size_t bytes) {
  char* p = static_cast<char*>(slot);
  if (HAK_UNLIKELY(bytes >= kManyBytes)) {
    memset(p, 0, bytes - 1);
    return;
  }
  for (char* end = p + bytes - 16; p != end; p += 16) {
    *reinterpret_cast<Bytes16*>(p) = Bytes16{0, 0};
  }
  *reinterpret_cast<Bytes8*>(p) = 0;
  *reinterpret_cast<Bytes8*>(p + 7) = 0;
}

// Is a slot zero but for its last byte and, with `from` 8, its first word?
HAK_INLINE bool IsZeroSlot(const void* slot, size_t bytes, size_t from = 0) {
  constexpr uint64_t kSeven = ~uint64_t{0} >> 8;  // without the last byte
  const char* p = static_cast<const char*>(slot);
  const char* last = p + bytes - 16;
  const auto word = [](const char* at) {
    return *reinterpret_cast<const Bytes8*>(at);
  };
  uint64_t bits = word(last + 8) & kSeven;
  if (from == 0) bits |= word(p);
  if (p != last) {
    bits |= word(p + 8) | word(last);
    if ((p += 16) == last) return bits == 0;
    // Two at a time: the last one is looked at twice if they are even.
    Bytes16 a = *reinterpret_cast<const Bytes16*>(last - 16);
    Bytes16 b = {0, 0};
    for (; p + 48 < last; p += 64) {
      a |= *reinterpret_cast<const Bytes16*>(p);
      b |= *reinterpret_cast<const Bytes16*>(p + 16);
      a |= *reinterpret_cast<const Bytes16*>(p + 32);
      b |= *reinterpret_cast<const Bytes16*>(p + 48);
    }
    for (; p + 16 < last; p += 32) {
      a |= *reinterpret_cast<const Bytes16*>(p);
      b |= *reinterpret_cast<const Bytes16*>(p + 16);
    }
    a |= b;
    bits |= a[0] | a[1];
  }
  return bits == 0;
}

// The first and the last kHalf bytes of what a slot's block may use; they
// overlap where it is shorter than both. Zeroes those of `p`, returns the bits
// of those of `q`.
template <size_t kHalf>
HAK_INLINE Bytes16 ZeroEndsAndRead(char* p, const char* q, size_t bytes) {
  const size_t tail = bytes - 1 - kHalf;
  Bytes16 bits = {0, 0};
#pragma GCC unroll 4
  for (size_t i = 0; i < kHalf; i += 16) {
    StoreAny16(p + i, Bytes16{0, 0});
    StoreAny16(p + tail + i, Bytes16{0, 0});
    bits |= LoadAny16(q + i) | LoadAny16(q + tail + i);
  }
  return bits;
}

// Zeroes one slot and answers whether another of the same size is zero, both
// but for their last byte. At least 32 bytes. What is short takes no loop,
// whose end the CPU would guess wrong.
HAK_INLINE bool ZeroSlotAndTest(void* slot, const void* other, size_t bytes) {
  char* p = static_cast<char*>(slot);
  const char* q = static_cast<const char*>(other);
  if (HAK_UNLIKELY(bytes >= kManyBytes)) {
    memset(slot, 0, bytes - 1);
    return IsZeroSlot(other, bytes);
  }
  Bytes16 a = {0, 0};
  if (bytes <= 32) {
    a = ZeroEndsAndRead<16>(p, q, bytes);
  } else if (bytes <= 64) {
    a = ZeroEndsAndRead<32>(p, q, bytes);
  } else {
    for (; bytes > 128; bytes -= 64, p += 64, q += 64) {
#pragma GCC unroll 4
      for (size_t i = 0; i < 64; i += 16) {
        StoreAny16(p + i, Bytes16{0, 0});
        a |= LoadAny16(q + i);
      }
    }
    a |= ZeroEndsAndRead<64>(p, q, bytes);
  }
  return (a[0] | a[1]) == 0;
}

// Of ranges that are long and aligned to 16 at both ends. Not inline: made for
// speed where their callers are made small.
void ZeroRange(void* range, size_t bytes);
[[nodiscard]] bool IsZeroRange(const void* range, size_t bytes);

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_BYTES_H_
