// Box:   tiny.   Uses: base.   Must not know: slabs, threads.
// Holds: what lies behind the bytes that were asked for, where blocks are
//        armoured: canaries, and how many they are.
// Locks: none.   Read next: alloc/tiny/armour.h
//
//   | n bytes that were asked for | canaries | code | next block's header |
//                                              2       1
//
// The code is the slack's length (n to the header) under the same key as the
// canaries. Every byte of both has its top bit set, so that a string's end, or
// text, never looks like what was there.

#ifndef HAKMEM_ALLOC_TINY_SLACK_H_
#define HAKMEM_ALLOC_TINY_SLACK_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/base/secret.h"

namespace hakmem::tiny {

// What an armoured block needs beyond its size: the code.
inline constexpr size_t kCodeBytes = 2;

// What to ask the size classes for. No block of the smallest: 16 bytes before
// its end are not all its own.
constexpr size_t WithSlack(size_t bytes) {
  return bytes + kCodeBytes < 16 ? 16 : bytes + kCodeBytes;
}

class Slack {
 public:
  // Of a block whose slot (stride) is so many bytes.
  HAK_INLINE Slack(void* block, size_t slot)
      : block_(static_cast<char*>(block)),
        end_(block_ + slot - 1),
        pattern_(((AddressOf(block) ^ g_secret) * 0x9E3779B97F4A7C15u) |
                 kTopBits) {}

  // The block was asked to hold `bytes` <= slot - 1 - kCodeBytes. False: of its
  // last bytes, those of the slack were not zero.
  HAK_INLINE bool Write(size_t bytes) const {
    const size_t slack = Length(bytes);
    Bytes8* const last = reinterpret_cast<Bytes8*>(end_ - 8);
    const uint64_t seen = *last;
    const uint64_t word = pattern_ ^ Spread(slack) << 48;
    if (HAK_LIKELY(slack <= 8)) {
      const uint64_t mask = ~uint64_t{0} << (64 - slack * 8);
      *last = (word & mask) | (seen & ~mask);
      return (seen & mask) == 0;
    }
    *last = word;
    char* at = end_ - 8;
    size_t left = slack - 8;
    for (; left >= 8; left -= 8) {
      at -= 8;
      *reinterpret_cast<Bytes8*>(at) = pattern_;
    }
    if (left == 0) return seen == 0;
    // In step with the others; it may reach back to the block's own header.
    Bytes8* const first = reinterpret_cast<Bytes8*>(at - 8);
    const uint64_t mask = ~uint64_t{0} << (64 - left * 8);
    *first = (pattern_ & mask) | (*first & ~mask);
    return seen == 0;
  }

  static constexpr size_t kDamaged = ~size_t{0};
  // What Write was told; kDamaged if the slack is not as it left it.
  HAK_INLINE size_t Read() const {
    const uint64_t last = *reinterpret_cast<const Bytes8*>(end_ - 8) ^ pattern_;
    const uint64_t code = last >> 48;
    const size_t slack = Gather(code);
    if (HAK_UNLIKELY((code & kCodeTop) != 0 ||
                     slack - kCodeBytes >= Length(0))) {
      return kDamaged;
    }
    const size_t bytes = Length(slack);
    const uint64_t canaries = last << 16;  // the code is shifted out
    if (HAK_LIKELY(slack <= 8)) {
      // The lowest of them are the program's.
      return HAK_LIKELY(canaries >> 16 >> (64 - slack * 8) == 0) ? bytes
                                                                 : kDamaged;
    }
    uint64_t wrong = canaries;
    const char* at = end_ - 8;
    size_t left = slack - 8;
    for (; left >= 8; left -= 8) {
      at -= 8;
      wrong |= *reinterpret_cast<const Bytes8*>(at) ^ pattern_;
    }
    if (left > 0) {
      wrong |= (*reinterpret_cast<const Bytes8*>(at - 8) ^ pattern_) >>
               (64 - left * 8);
    }
    return HAK_LIKELY(wrong == 0) ? bytes : kDamaged;
  }

 private:
  static constexpr uint64_t kTopBits = 0x8080808080808080u;
  static constexpr uint64_t kCodeTop = 0x8080;

  // From bytes to slack, and back.
  HAK_INLINE size_t Length(size_t bytes) const {
    return static_cast<size_t>(end_ - block_) - bytes;
  }
  // 14 bits in two bytes, whose top bits stay clear; a length has 13.
  static HAK_INLINE uint64_t Spread(size_t slack) {
    return slack + (slack & 0x3F80);
  }
  static HAK_INLINE size_t Gather(uint64_t code) {
    return code - ((code & 0x7F00) >> 1);
  }

  char* block_;
  char* end_;  // the next block's header
  uint64_t pattern_;
};

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_SLACK_H_
